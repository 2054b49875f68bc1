"use strict";
document.documentElement.classList.add("js"); // only the sliders need this script
for (const section of document.querySelectorAll("section[id]")) {
  const path = section.querySelector("input[name=path]");
  const threshold = section.querySelector("input[name=threshold]");
  if (!path) continue;
  const marks = section.querySelector("input[name=marks]");
  const lines = section.querySelectorAll("feFlood");
  const opacities = section.querySelectorAll("feFuncA[data-unit]"); // one of each column
  const films = [...section.querySelectorAll("img[data-frames]")].map(filmOf);
  path.addEventListener("input", () => {
    section.style.setProperty("--path", path.value);
    for (const film of films) film(path.value);
  });
  const mark = () => {
    const place = Number(threshold.value);
    for (const one of lines) one.setAttribute("flood-opacity", Number(marks.checked));
    for (const one of opacities) {
      const level = Math.min(1, one.dataset.unit * levelOf(place, Number(one.dataset.growth)));
      one.setAttribute("intercept", 1 - one.getAttribute("slope") * level);
    }
    section.querySelector("output").value = nameOf(place, threshold.dataset);
  };
  marks.addEventListener("input", mark);
  threshold.addEventListener("input", () => {
    marks.checked = true;
    mark();
  });
}

// In units of the level at 1: linear up to there, then with equal ratios up to `growth` at 2; 0: linear throughout.
function levelOf(place, growth) {
  return growth && place > 1 ? growth ** (place - 1) : place;
}

function nameOf(place, { unit, next }) {
  if (!next) return `${place.toFixed(2)} ${unit}`.trim();
  if (place <= 1) return place === 1 ? unit : `${place.toFixed(2)} × ${unit}`;
  return place === 2 ? next : `${Math.round(100 * (place - 1))} % of the way to the ${next}`;
}

// With kept iterations the slider shows x_t; without, the page fades x0 into x_N.
function filmOf(image) {
  const end = ["", image.src];
  const parts = image.dataset.frames.trim().split(" ");
  const frames = parts.filter((_, index) => index % 2 === 0).map((t, index) => [`t = ${t}`, parts[2 * index + 1]]);
  const label = image.closest(".restorations > div").querySelector(".t");
  return (share) => {
    const [t, picture] = [...frames, end][Math.round(share * frames.length)];
    image.style.opacity = 1;
    image.src = picture;
    label.textContent = t;
  };
}
