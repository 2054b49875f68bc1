"use strict";
document.documentElement.classList.add("js"); // the sliders need this script, all else does not
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

// A descent that was filmed goes through its iterations; all others are blended from x0 to x_N.
function filmOf(image) {
  const end = ["", image.src];
  const words = image.dataset.frames.trim().split(" ");
  const frames = words.filter((_, place) => place % 2 === 0).map((t, place) => [`t = ${t}`, words[2 * place + 1]]);
  const label = image.closest(".shots > div").querySelector(".t");
  return (share) => {
    const [t, picture] = [...frames, end][Math.round(share * frames.length)];
    image.style.opacity = 1;
    image.src = picture;
    label.textContent = t;
  };
}
