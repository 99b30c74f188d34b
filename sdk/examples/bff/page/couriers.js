"use strict";

// Asks for the couriers named in the address (?ids=courier-1,courier-2) every second and shows each answer as what it
// is: live, stale with its age, or failed with the reason. Text is only ever set as text.

const INTERVAL_MS = 1000;
const TIMEOUT_MS = 3000;
const DEFAULT_IDS = ["courier-1", "courier-7", "courier-42"];

const table = document.getElementById("couriers");
const summary = document.getElementById("summary");
const field = document.getElementById("ids");
const pause = document.getElementById("pause");

const asked = new URLSearchParams(location.search).get("ids");
const ids = asked ? [...new Set(asked.split(/[\s,]+/).filter(Boolean))] : DEFAULT_IDS;
field.value = ids.join(" ");

const rows = new Map(ids.map((id) => [id, makeRow(id)]));

function makeRow(id) {
  const row = table.insertRow();
  row.dataset.courier = id;
  const name = document.createElement("th");
  name.scope = "row";
  name.textContent = id;
  row.append(name);
  const cells = {};
  for (const key of ["transport_mode", "availability", "current_zone", "answer"]) {
    cells[key] = row.insertCell();
    cells[key].className = key;
  }
  return { row, cells };
}

function setText(cell, text) {
  // What has not changed is left alone, so that a selection survives.
  if (cell.textContent !== text) cell.textContent = text;
}

function ageText(milliseconds) {
  const seconds = Math.floor(milliseconds / 1000);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

function show(entry, state, answer, courier) {
  entry.row.className = state;
  entry.row.dataset.state = state;
  setText(entry.cells.answer, answer);
  if (!courier) return;
  for (const key of ["transport_mode", "availability", "current_zone"]) setText(entry.cells[key], courier[key] || "–");
}

function showCourier(entry, courier) {
  if (courier.error) {
    show(entry, "failed", `✕ ${courier.error.title}: ${courier.error.detail}`);
  } else if (courier.stale) {
    show(entry, "stale", `◷ stale, ${ageText(courier.age_ms)} old`, courier);
  } else {
    show(entry, "live", "● live", courier);
  }
}

function summarize() {
  const counts = { live: 0, stale: 0, failed: 0 };
  for (const { row } of rows.values()) counts[row.dataset.state] += 1;
  setText(summary, `${counts.live} live, ${counts.stale} stale, ${counts.failed} failed`);
}

async function ask() {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), TIMEOUT_MS);
  try {
    const response = await fetch("v1/couriers:batch", {
      method: "POST",
      headers: { "Content-Type": "application/json", "Grpc-Timeout": `${TIMEOUT_MS - 500}m` },
      body: JSON.stringify({ courier_ids: ids }),
      signal: abort.signal,
    });
    const answer = await response.json();
    if (!response.ok) throw new Error(`${answer.title}: ${answer.detail}`);
    for (const courier of answer.couriers) showCourier(rows.get(courier.courier_id), courier);
  } catch (error) {
    const reason = error.name === "AbortError" ? "no answer in time" : error.message;
    for (const entry of rows.values()) show(entry, "failed", `✕ ${reason}`);
  } finally {
    clearTimeout(timer);
  }
  summarize();
}

async function run() {
  if (pause.getAttribute("aria-pressed") === "false" && !document.hidden) await ask();
  setTimeout(run, INTERVAL_MS);
}

pause.addEventListener("click", () => {
  const paused = pause.getAttribute("aria-pressed") === "false";
  pause.setAttribute("aria-pressed", String(paused));
  if (paused) setText(summary, "Paused");
});

document.getElementById("choice").addEventListener("submit", (event) => {
  event.preventDefault();
  location.search = new URLSearchParams({ ids: field.value.trim().split(/[\s,]+/).join(",") });
});

run();
