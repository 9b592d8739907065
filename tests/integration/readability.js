// Return the texts and marks of the open page that are faint, cut off, overlapping or too small.
() => {
  const shown = (element) => element.getClientRects().length > 0;
  const own = (element) => {
    const nodes = [...element.childNodes].filter((node) => node.nodeType === 3);
    return nodes.map((node) => node.data).join("").trim();
  };
  const texts = [...document.querySelectorAll("*")].filter((item) => own(item) && shown(item));

  const parts = (colour) => colour.match(/[\d.]+/g).map(Number);
  const ground = (element) => {
    for (; element; element = element.parentElement) {
      const found = parts(getComputedStyle(element).backgroundColor);
      if (found[3] === undefined || found[3] > 0) return found;
    }
    return [255, 255, 255];
  };
  const linear = (part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
  const luminance = (colour) => {
    const [r, g, b] = colour.map((part) => linear(part / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ink = (element) => {
    const style = getComputedStyle(element);
    if (!(element instanceof SVGElement)) return style.color;
    return style.fill === "none" ? style.stroke : style.fill;
  };
  const contrast = (element) => {
    const pair = [luminance(parts(ink(element))), luminance(ground(element))];
    const [light, dark] = pair.sort((a, b) => b - a);
    return (light + 0.05) / (dark + 0.05);
  };

  const box = (element) => element.getBoundingClientRect();
  const drawn = [...document.querySelectorAll("svg")].filter(shown);
  const marks = drawn.flatMap((svg) => [...svg.querySelectorAll(".mark")]);
  const inside = (svg) => [...svg.querySelectorAll("text")];
  const out = (text, edge) =>
    text.left < edge.left - 0.5 ||
    text.right > edge.right + 0.5 ||
    text.top < edge.top - 0.5 ||
    text.bottom > edge.bottom + 0.5;
  const meet = (a, b) =>
    Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 &&
    Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1;
  const pairs = (list) =>
    list.flatMap((first, at) => list.slice(at + 1).map((second) => [first, second]));

  return {
    texts: texts.length,
    faint: texts
      .filter((element) => contrast(element) < 4.5)
      .map((element) => `${own(element)}: ${contrast(element).toFixed(2)}`),
    marks: marks.length,
    pale: marks
      .filter((mark) => contrast(mark) < 3)
      .map((mark) => `${ink(mark)}: ${contrast(mark).toFixed(2)}`),
    cut: drawn.flatMap((svg) => inside(svg).filter((text) => out(box(text), box(svg))).map(own)),
    overlapping: drawn.flatMap((svg) =>
      pairs(inside(svg))
        .filter(([a, b]) => meet(box(a), box(b)))
        .map(([a, b]) => `${own(a)} | ${own(b)}`),
    ),
    small: drawn.flatMap((svg) => inside(svg).filter((text) => box(text).height < 11).map(own)),
    outside: texts.filter((element) => box(element).right > innerWidth + 0.5).map(own),
    width: document.documentElement.scrollWidth,
  };
};
