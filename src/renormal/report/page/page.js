"use strict";
document.documentElement.classList.add("js"); // only the sliders need this script
for (const section of document.querySelectorAll("section[data-limit]")) {
  const path = section.querySelector("input[name=path]");
  const threshold = section.querySelector("input[name=threshold]");
  if (!path) continue;
  const opacity = section.querySelector("feFuncA");
  const slope = Number(opacity.getAttribute("slope"));
  const limit = Number(section.dataset.limit);
  const films = [...section.querySelectorAll("img[data-frames]")].map(filmOf);
  path.addEventListener("input", () => {
    section.style.setProperty("--path", path.value);
    for (const film of films) film(path.value);
  });
  threshold.addEventListener("input", () => {
    opacity.setAttribute("intercept", 1 - (slope * threshold.value) / limit);
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
