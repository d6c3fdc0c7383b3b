"use strict";

// "Why?": which parts of a photo speak for its answer. Uses page.js, which is loaded after this file and calls offerExplanation.

const EXPLAIN_ATTEMPTS = 6; // of a photo that waits for other explanations

function offerExplanation(job) {
  const box = $(".why", job.card), button = $(".ask-why", box);
  box.hidden = false;
  button.onclick = () => (job.explaining ? job.stopExplaining() : explain(job));
}

async function explain(job) {
  const stop = new AbortController(), button = $(".ask-why", job.card);
  job.explaining = true;
  job.stopExplaining = () => stop.abort();
  button.textContent = "Stop";
  showWork(job, "The model is asked about the photo again and again, with parts of it hidden. This takes some seconds.");
  announce(`${job.name}: looking for the reasons. This takes some seconds.`);
  try {
    const response = await askWhy(job, stop.signal);
    const body = await response.json().catch(() => ({}));
    if (response.ok) showReasons(job, body.explanations[0]);
    else showNoReasons(job, body.error ?? `The service answered ${response.status}.`);
  } catch (error) {
    if (error.name === "AbortError") showNothing(job);
    else showNoReasons(job, "No connection to the service.");
  }
  job.explaining = false;
  button.textContent = "Why?";
  button.hidden = Boolean(job.explained);
}

/** Of the version that answered; of the one that serves now, if that one is gone. Waits while others are explained. */
async function askWhy(job, signal) {
  const { known, label, model_version: version } = job.answer;
  const query = known ? `?label=${encodeURIComponent(label)}` : "";
  const options = { method: "POST", body: job.file, headers: { "Content-Type": job.file.type || "application/octet-stream" }, signal };
  let path = `/v1/models/flowers/versions/${version}:explain${query}`;
  for (let attempt = 1; ; attempt += 1) {
    const response = await request(path, options);
    if (response.status === 404 && path.includes("/versions/")) {
      path = `/v1/models/flowers:explain${query}`;
    } else if (response.status === 429 && attempt < EXPLAIN_ATTEMPTS) {
      const wait = Math.min(Number(response.headers.get("Retry-After")) || 2, LONGEST_WAIT_S);
      for (let left = wait; left > 0; left -= 1) {
        showWork(job, `Other photos are explained first. Trying again in ${left} s.`);
        await seconds(1);
        signal.throwIfAborted();
      }
    } else {
      return response;
    }
  }
}

// ---- What the card shows

function showBecause(job, ...parts) {
  const because = $(".because", job.card);
  because.replaceChildren(...parts);
  because.hidden = !parts.length;
  return because;
}

function showWork(job, text) {
  const bar = element("progress");
  bar.setAttribute("aria-label", `Reasons for ${job.name}`);
  showBecause(job, element("p", text, { className: "soft" }), bar);
}

function showNothing(job) {
  showBecause(job);
  $(".ask-why", job.card).focus();
}

function showNoReasons(job, text) {
  showBecause(job, element("p", text, { className: "failed" }));
  announce(`${job.name}: ${text}`);
}

function showReasons(job, row) {
  job.explained = row;
  job.card.classList.add("explained");
  const parts = row.trustworthy ? reasons(job, row) : doubts(row);
  if (row.model_version !== job.answer.model_version) {
    parts.push(element("p", `Version ${job.answer.model_version}, which answered, is gone: version ${row.model_version} was asked.`, { className: "soft" }));
  }
  showBecause(job, ...parts).focus({ preventScroll: true });
  job.card.scrollIntoView({ block: "nearest" });
  announce(`${job.name}: ${parts[0].textContent} ${parts[1]?.textContent ?? ""}`);
}

/** In the place of the map. */
function doubts(row) {
  const list = element("ul");
  list.append(...row.reasons.map((reason) => element("li", reason)));
  const note = element("div", "", { className: "doubt" });
  note.append(element("p", "The map is left out: it does not tell what the answer rests on."), list);
  return [element("h4", "The explanation is not trustworthy for this photo"), note, numbers(row)];
}

function reasons(job, row) {
  showMap(job, row, row.label, row.map, row.regions);
  $(".photo", job.card).append(legend(job));
  return [element("h4", `What speaks for ${row.label}`), element("p", sentence(row)), regionList(row), otherClass(job, row), numbers(row)];
}

function sentence(row) {
  const total = row.regions.reduce((sum, region) => sum + region.share, 0);
  const parts = row.regions.length === 1 ? "One part of the photo carries" : `${row.regions.length} parts of the photo carry`;
  return `${parts} ${percent(total)} of the evidence for ${row.label}.`;
}

function place([x0, y0, x1, y1], row) {
  if ((x1 - x0) * (y1 - y0) > 0.6 * row.width * row.height) return "over most of the photo";
  const third = (start, end, side) => Math.min(Math.floor((3 * (start + end)) / (2 * side)), 2);
  const words = [["top", "", "bottom"][third(y0, y1, row.height)], ["left", "", "right"][third(x0, x1, row.width)]].filter(Boolean);
  return words.length ? `at the ${words.join(" ")}` : "in the middle";
}

function regionList(row) {
  const list = element("ol", "", { className: "regions" });
  list.setAttribute("aria-label", "Parts of the photo");
  for (const { box, share } of row.regions) {
    const item = element("li");
    item.append(element("b", percent(share)), ` ${place(box, row)}`);
    list.append(item);
  }
  return list;
}

function legend(job) {
  const box = element("div", "", { className: "legend" });
  const label = element("label", "Heat map ");
  const slider = element("input", "", { type: "range", min: 0, max: 100, value: 100 });
  slider.oninput = () => $(".frame", job.card).style.setProperty("--heat", slider.value / 100);
  label.append(slider);
  const scale = element("span", "", { className: "scale" });
  scale.append(element("span", "little"), element("i"), element("span", "much evidence"));
  box.append(label, scale);
  return box;
}

/** The class that came next, and what speaks for it. */
function otherClass(job, row) {
  const { label, probability, map } = row.runner_up;
  const box = element("div", "", { className: "other" });
  const button = element("button", `Show what speaks for ${label}`, { type: "button", className: "quiet" });
  let shown = false;
  button.onclick = () => {
    shown = !shown;
    button.textContent = `Show what speaks for ${shown ? row.label : label}`;
    showMap(job, row, shown ? label : row.label, shown ? map : row.map, shown ? [] : row.regions);
    $(".because h4", job.card).textContent = `What speaks for ${shown ? label : row.label}`;
    announce(`The map shows what speaks for ${shown ? label : row.label}.`);
  };
  box.append(element("p", `The next class is ${label}, ${percent(probability)}.`), button);
  return box;
}

function numbers(row) {
  const compared = (what, auc, random) => `${what} first, the model gives ${row.label} ${percent(auc)} on average; ${percent(random)} in random order.`;
  const alike = (what, correlation) => `${what}: likeness ${Math.round(100 * Math.max(correlation, 0))} of 100.`;
  const lines = [
    compared("When the parts with the most evidence are hidden", row.deletion_auc, row.random_deletion_auc),
    compared("When they are shown alone", row.insertion_auc, row.random_insertion_auc),
    row.stability === null ? "" : alike("The map of the photo with a little noise is much the same where the explanation is good", row.stability),
    row.randomised_correlation === null ? "" : alike("The map of a model with random weights is another one where it is good", row.randomised_correlation),
    `Method: ${row.method.toUpperCase()}, ${row.seconds.toFixed(1)} s.`,
  ];
  const details = element("details"), list = element("ul");
  list.append(...lines.filter(Boolean).map((line) => element("li", line)));
  details.append(element("summary", "How far can this be trusted?"), list);
  return details;
}

// ---- The map over the photo

function showMap(job, row, label, map, regions) {
  const frame = $(".frame", job.card);
  const heat = $(".heat", frame) ?? element("img", "", { className: "heat" });
  if (heat.src) URL.revokeObjectURL(heat.src);
  heat.src = URL.createObjectURL(pngOf(map));
  heat.alt = `Heat map: ${regions.length ? sentence(row) : `what speaks for ${label}.`} ${regions.map((one, n) => `${n + 1}: ${percent(one.share)} ${place(one.box, row)}`).join(", ")}`.trim();
  $(".photo", job.card).classList.add("mapped");
  frame.style.setProperty("--ratio", row.width / row.height);
  frame.querySelectorAll(".region").forEach((one) => one.remove());
  frame.append(heat, ...regions.map((region, index) => outline(region.box, index + 1, row)));
}

function outline([x0, y0, x1, y1], number, row) {
  const box = element("span", "", { className: "region" });
  box.setAttribute("aria-hidden", "true");
  box.append(element("b", number));
  const share = (value, side) => `${(100 * value) / side}%`;
  Object.assign(box.style, {
    left: share(x0, row.width), top: share(y0, row.height), width: share(x1 - x0, row.width), height: share(y1 - y0, row.height),
  });
  return box;
}

/** The policy of the page allows pictures from itself only: not from data: URLs. */
function pngOf(base64) {
  return new Blob([Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))], { type: "image/png" });
}
