"""What is kept between builds so that nothing is done twice. Each cache can be deleted at any moment: that costs time only."""
