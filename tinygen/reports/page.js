"use strict";

// Reading values off a chart: a line follows the pointer, and the nearest points are told below.
for (const figure of document.querySelectorAll("[data-chart]")) {
  const { x, lines } = JSON.parse(figure.dataset.chart);
  const svg = figure.querySelector("svg");
  const cursor = figure.querySelector(".cursor");
  const output = figure.querySelector("output");
  const place = (step) => x.start + ((x.end - x.start) * (step - x.low)) / (x.high - x.low);
  const nearest = (points, step) =>
    points.reduce((a, b) => (Math.abs(b[0] - step) < Math.abs(a[0] - step) ? b : a));

  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const at = ((event.clientX - box.left) / box.width) * Number(figure.dataset.width);
    const step = x.low + ((at - x.start) / (x.end - x.start)) * (x.high - x.low);
    const found = lines
      .filter((line) => line.points.length)
      .map((line) => ({ label: line.label, point: nearest(line.points, step) }));
    if (!found.length) return;
    const shown = found[0].point[0];
    cursor.setAttribute("x1", place(shown));
    cursor.setAttribute("x2", place(shown));
    cursor.style.visibility = "visible";
    output.textContent =
      `step ${shown.toLocaleString("en")}: ` +
      found.map(({ label, point }) => `${label} ${point[1]}`).join(", ");
  });
  svg.addEventListener("pointerleave", () => {
    cursor.style.visibility = "hidden";
    output.textContent = "";
  });
}

// Samples over time: a slider, a strip of small pictures and a button that plays them.
for (const film of document.querySelectorAll(".film")) {
  const screen = film.querySelector(".screen");
  const slider = film.querySelector("input");
  const label = film.querySelector(".controls output");
  const play = film.querySelector(".play");
  const frames = [...film.querySelectorAll("li button")];
  let timer = 0;

  const show = (i) => {
    slider.value = i;
    screen.src = frames[i].querySelector("img").src;
    label.textContent = `step ${Number(frames[i].dataset.step).toLocaleString("en")}`;
    frames.forEach((frame, j) => frame.toggleAttribute("aria-current", i === j));
    const strip = frames[i].closest("ol");
    const item = frames[i].parentElement;
    strip.scrollLeft = item.offsetLeft - strip.offsetLeft - strip.clientWidth / 2;
  };
  const stop = () => {
    clearInterval(timer);
    timer = 0;
    play.textContent = "Play";
  };
  slider.addEventListener("input", () => { stop(); show(Number(slider.value)); });
  frames.forEach((frame, i) => frame.addEventListener("click", () => { stop(); show(i); }));
  play.addEventListener("click", () => {
    if (timer) return stop();
    play.textContent = "Pause";
    let i = Number(slider.value) + 1 < frames.length ? Number(slider.value) : -1;
    timer = setInterval(() => {
      i += 1;
      show(i);
      if (i === frames.length - 1) stop();
    }, 400);
  });
  film.querySelector(".controls").hidden = frames.length < 2;
  show(frames.length - 1);
}
