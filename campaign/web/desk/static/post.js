// Says so when an upload or the preview did not arrive: htmx itself only writes it into the console.
const show = (is_wrong) => { document.getElementById("trouble").hidden = !is_wrong; };
for (const kind of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) document.addEventListener(kind, () => show(true));
document.addEventListener("htmx:afterOnLoad", () => show(false));
// A second click would save a second draft.
document.addEventListener("submit", (event) => {
  if (event.target.id === "post") setTimeout(() => { for (const each of event.target.querySelectorAll("button")) each.disabled = true; });
});
