// Says so when an upload or the preview did not arrive: without this, htmx would only write it into the console.
const show = (is_wrong) => { document.getElementById("trouble").hidden = !is_wrong; };
for (const kind of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) document.addEventListener(kind, () => show(true));
document.addEventListener("htmx:afterOnLoad", () => show(false));
