
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const [FITS, NOT, UNSURE] = data.labels;
const KEYS = { f: FITS, "1": FITS, j: NOT, "2": NOT, " ": UNSURE, "3": UNSURE };
const at = (id) => document.getElementById(id);

// [key, label] in the order in which they were given: the last is what undo takes back.
let given = [];

function restore() {
  try {
    const known = new Set(data.items.map((item) => item.key));
    const kept = JSON.parse(localStorage.getItem(data.name) || "[]");
    given = kept.filter(([key, label]) => known.has(key) && data.labels.includes(label));
  } catch (error) {
    at("note").hidden = false;
  }
}

function keep() {
  try {
    localStorage.setItem(data.name, JSON.stringify(given));
  } catch (error) {
    at("note").hidden = false;
  }
}

function next() {
  const done = new Set(given.map(([key]) => key));
  return data.items.find((item) => !done.has(item.key));
}

function show() {
  const item = next();
  at("pair").hidden = !item;
  at("end").hidden = Boolean(item);
  if (item) {
    at("picture").src = item.picture;
    at("text").textContent = item.text;
    at("key").textContent = item.key;
  }
  at("done").textContent = given.length + " / " + data.items.length;
  at("bar").value = given.length;
  for (const label of data.labels) {
    at("count-" + label).textContent = given.filter(([, one]) => one === label).length;
    at(label).disabled = !item;
  }
  at("undo").disabled = at("save").disabled = !given.length;
}

function answer(label) {
  const item = next();
  if (item) {
    given.push([item.key, label]);
    keep();
    show();
  }
}

function undo() {
  given.pop();
  keep();
  show();
}

// Keys are hex digits and labels are ours, so no cell can begin a formula.
function csv() {
  const order = new Map(given);
  const rows = data.items.filter((item) => order.has(item.key)).map((item) => item.key + "," + order.get(item.key));
  return ["key,label", ...rows].join("\n") + "\n";
}

function save() {
  const link = document.createElement("a");
  const url = URL.createObjectURL(new Blob([csv()], { type: "text/csv" }));
  link.href = url;
  link.download = "labels.csv";
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

for (const label of data.labels) at(label).addEventListener("click", () => answer(label));
at("undo").addEventListener("click", undo);
at("save").addEventListener("click", save);
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  const key = event.key.toLowerCase();
  if (key in KEYS) answer(KEYS[key]);
  else if (key === "z" || key === "backspace") undo();
  else if (key === "s" && given.length) save();
  else return;
  event.preventDefault();
});
restore();
show();
