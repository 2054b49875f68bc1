"use strict";
document.documentElement.classList.add("js"); // the sliders need this script, all else does not
for (const section of document.querySelectorAll("section[data-limit]")) {
  const path = section.querySelector("input[name=path]");
  const threshold = section.querySelector("input[name=threshold]");
  if (!path) continue;
  const opacity = section.querySelector("feFuncA");
  const slope = Number(opacity.getAttribute("slope"));
  const limit = Number(section.dataset.limit);
  path.addEventListener("input", () => section.style.setProperty("--path", path.value));
  threshold.addEventListener("input", () => {
    opacity.setAttribute("intercept", 1 - (slope * threshold.value) / limit);
    section.querySelector("output").value = Number(threshold.value).toFixed(2);
  });
}
