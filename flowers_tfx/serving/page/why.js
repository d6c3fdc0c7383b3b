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
  const views = viewsOf(row);
  const view = element("div", "", { className: "view" });
  view.append(element("h4"), element("p"), element("ol", "", { className: "regions" }));
  const parts = [...doubts(row), ...(views.length ? [view] : [])];
  if (views.length > 1) parts.push(otherView(job, row, views));
  if (!row.unknown) parts.push(numbers(row));
  if (row.model_version !== job.answer.model_version) {
    parts.push(element("p", `Version ${job.answer.model_version}, which answered, is gone: version ${row.model_version} was asked.`, { className: "soft" }));
  }
  job.explained = row;
  job.card.classList.add("explained");
  showBecause(job, ...parts);
  if (views.length) {
    $(".photo", job.card).append(legend(job));
    showView(job, row, views[0]);
  }
  $(".because", job.card).focus({ preventScroll: true });
  job.card.scrollIntoView({ block: "nearest" });
  const [title, text] = $(".because", job.card).querySelectorAll("h4, p, li");
  announce(`${job.name}: ${title.textContent}. ${text.textContent}`);
}

/** What can be shown over the photo, the most telling first: a `name` for the button, a `title`, a `text`, a map and its regions. */
function viewsOf(row) {
  const { unknown, runner_up: next } = row;
  const views = [];
  if (unknown?.trustworthy) {
    views.push({ ...unknown, name: "why I do not know this one", title: "Why I do not know this one", text: unknownSentence(row) });
  }
  if (row.trustworthy) views.push({ ...row, name: `what speaks for ${row.label}`, title: `What speaks for ${row.label}`, text: sentence(row) });
  if (row.trustworthy && !unknown) {
    const text = `The next class is ${next.label}, ${percent(next.probability)}. This is what speaks for it.`;
    views.push({ map: next.map, regions: [], name: `what speaks for ${next.label}`, title: `What speaks for ${next.label}`, text });
  }
  return views;
}

/** In the place of a map: nothing where all can be trusted. */
function doubts({ known, unknown, trustworthy, reasons }) {
  if (unknown ? unknown.trustworthy : trustworthy) return [];
  const title = known ? "The explanation is not trustworthy for this photo" : "Why I do not know this one";
  const list = element("ul"), note = element("div", "", { className: "doubt" });
  list.append(...(unknown ?? { reasons }).reasons.map((reason) => element("li", reason)));
  if (known) note.append(element("p", "The map is left out: it does not tell what the answer rests on."));
  note.append(list);
  return [element("h4", title), note];
}

function sentence({ label, regions }) {
  const parts = regions.length === 1 ? "One part of the photo carries" : `${regions.length} parts of the photo carry`;
  return `${parts} ${percent(shareOf(regions))} of the evidence for ${label}.`;
}

function unknownSentence({ score, unknown }) {
  const known = unknown.score_without <= 1 ? ", and I would know the rest" : "";
  return `With ${percent(unknown.hidden_share)} of the photo hidden, at the marked places, its score falls from ${score.toFixed(2)} to ${unknown.score_without.toFixed(2)}${known}. Photos are known up to 1.`;
}

function shareOf(regions) {
  return regions.reduce((sum, region) => sum + region.share, 0);
}

function place([x0, y0, x1, y1], row) {
  if ((x1 - x0) * (y1 - y0) > 0.6 * row.width * row.height) return "over most of the photo";
  const third = (start, end, side) => Math.min(Math.floor((3 * (start + end)) / (2 * side)), 2);
  const words = [["top", "", "bottom"][third(y0, y1, row.height)], ["left", "", "right"][third(x0, x1, row.width)]].filter(Boolean);
  return words.length ? `at the ${words.join(" ")}` : "in the middle";
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

/** Changes between two maps. */
function otherView(job, row, [first, second]) {
  const button = element("button", `Show ${second.name}`, { type: "button", className: "quiet" });
  let [shown, hidden] = [first, second];
  button.onclick = () => {
    [shown, hidden] = [hidden, shown];
    button.textContent = `Show ${hidden.name}`;
    showView(job, row, shown);
    announce(`The map shows ${shown.name}. ${shown.text}`);
  };
  return button;
}

function numbers(row) {
  const { label, stability, randomised_correlation: randomised } = row;
  const agreement = (correlation) => `agreement ${Math.max(correlation, 0).toFixed(2)} of 1`;
  const lines = [
    `While the parts with the most evidence are hidden, one after the other, the model gives ${label} ${percent(row.deletion_auc)} on average; in random order ${percent(row.random_deletion_auc)}. A good map makes it fall faster.`,
    `While they are shown again in a blurred photo, it is ${percent(row.insertion_auc)} on average; in random order ${percent(row.random_insertion_auc)}. A good map makes it rise faster.`,
    stability === null ? "" : `A little noise in the photo changes a good map little: ${agreement(stability)}.`,
    randomised === null ? "" : `A model with random weights gives another map than a good one: ${agreement(randomised)}.`,
    `Method: ${row.method.toUpperCase()}, ${row.seconds.toFixed(1)} s.`,
  ];
  const details = element("details"), list = element("ul");
  list.append(...lines.filter(Boolean).map((line) => element("li", line)));
  details.append(element("summary", "How far can this be trusted?"), list);
  return details;
}

// ---- The map over the photo

function showView(job, row, { title, text, map, regions }) {
  const view = $(".view", job.card), frame = $(".frame", job.card), list = $(".regions", view);
  $("h4", view).textContent = title;
  $("p", view).textContent = text;
  list.setAttribute("aria-label", "Parts of the photo");
  list.hidden = !regions.length;
  list.replaceChildren(...regions.map(({ box, share }) => {
    const item = element("li");
    item.append(element("b", percent(share)), ` ${place(box, row)}`);
    return item;
  }));
  const heat = $(".heat", frame) ?? element("img", "", { className: "heat" });
  if (heat.src) URL.revokeObjectURL(heat.src);
  heat.src = URL.createObjectURL(pngOf(map));
  heat.alt = `Heat map: ${title}. ${regions.map(({ box, share }, index) => `${index + 1}: ${percent(share)} ${place(box, row)}`).join(", ")}`.trim();
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
