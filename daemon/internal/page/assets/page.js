// Everything works without this script. It shows times in the reader's own zone, and lets one box tick all others of a table.
"use strict"

for (const t of document.querySelectorAll("time[datetime*=T]")) {
  const at = new Date(t.dateTime)
  if (Number.isNaN(at.getTime()) || !t.textContent.endsWith("UTC")) continue
  t.title = t.textContent
  t.textContent = at.toLocaleString(undefined, { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" })
}

for (const all of document.querySelectorAll("input[data-all]")) {
  const boxes = [...document.querySelectorAll(`input[type=checkbox][name="${CSS.escape(all.dataset.all)}"]`)].filter(b => !b.disabled)
  const show = () => {
    const ticked = boxes.filter(b => b.checked).length
    all.checked = ticked > 0 && ticked === boxes.length
    all.indeterminate = ticked > 0 && ticked < boxes.length
    for (const n of document.querySelectorAll(`[data-count="${CSS.escape(all.dataset.all)}"]`)) n.textContent = `${ticked} selected`
  }
  if (boxes.length > 0) all.closest("[hidden]")?.removeAttribute("hidden")
  all.addEventListener("change", () => { for (const b of boxes) b.checked = all.checked; show() })
  for (const b of boxes) b.addEventListener("change", show)
  show()
}
