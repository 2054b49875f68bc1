"use strict";
document.documentElement.classList.add("js"); // only the sliders need this script
for (const section of document.querySelectorAll("section[id]")) {
  const path = section.querySelector("input[name=path]");
  const threshold = section.querySelector("input[name=threshold]");
  if (!path) continue;
  const opacities = section.querySelectorAll("feFuncA"); // one of each column
  const films = [...section.querySelectorAll("img[data-frames]")].map(filmOf);
  path.addEventListener("input", () => {
    section.style.setProperty("--path", path.value);
    for (const film of films) film(path.value);
  });
  threshold.addEventListener("input", () => {
    for (const one of opacities) {
      one.setAttribute("intercept", 1 - one.getAttribute("slope") * threshold.value * one.dataset.unit);
    }
    section.querySelector("output").value = Number(threshold.value).toFixed(2);
  });
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
