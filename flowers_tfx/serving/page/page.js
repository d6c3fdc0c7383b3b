"use strict";

const IN_FLIGHT = 3; // photos that are sent at a time
const ATTEMPTS = 8; // of a photo that a busy service puts off
const LONGEST_WAIT_S = 30;
const TIMEOUT_MS = 120_000;
const TOP = 5;
const NONE = "none of these";
const RETRY = [429, 503];

const $ = (selector, root = document) => root.querySelector(selector);
const storage = { get token() { return sessionStorage.getItem("token") ?? ""; }, set token(value) { sessionStorage.setItem("token", value); } };
let model = null; // what GET /about says
let tokenAsked = null; // a promise while the form for the token is open
const jobs = new Set(); // a job for each card
const waiting = []; // those that are not sent yet
let open = 0, done = 0, total = 0;

// ---- Small things

/** An element with text; nothing of a file's name or of an answer becomes HTML. */
function element(tag, text = "", properties = {}) {
  return Object.assign(document.createElement(tag), { textContent: text, ...properties });
}

function percent(share) {
  if (share > 0.99 && share < 1) return "> 99 %";
  if (share < 0.01 && share > 0) return "< 1 %";
  return `${Math.round(share * 100)} %`;
}

function megabytes(bytes) {
  return `${(bytes / 1e6).toLocaleString("en", { maximumFractionDigits: bytes < 1e7 ? 1 : 0 })} MB`;
}

function announce(text) {
  const box = $("#announcer");
  box.append(element("p", text));
  while (box.childElementCount > 8) box.firstElementChild.remove();
}

function showMessage(text) {
  const box = $("#message");
  box.textContent = text;
  box.hidden = !text;
}

const seconds = (number) => new Promise((resolve) => setTimeout(resolve, 1000 * number));

// ---- Requests

function withToken(headers = {}) {
  return storage.token ? { ...headers, Authorization: `Bearer ${storage.token}` } : headers;
}

/** Opens the form for the token, once for all that wait for it. */
function askForToken(refused) {
  if (tokenAsked) return tokenAsked;
  const form = $("#token-form");
  if (refused) $("#token-note").textContent = "The service did not accept this token.";
  form.hidden = false;
  $("#token").focus();
  tokenAsked = new Promise((resolve) => {
    form.onsubmit = (event) => {
      event.preventDefault();
      storage.token = $("#token").value.trim();
      form.hidden = true;
      form.reset();
      tokenAsked = null;
      showCommand();
      resolve();
    };
  });
  return tokenAsked;
}

/** fetch with the token, which is asked for if the service wants one. */
async function request(url, options = {}) {
  for (;;) {
    const sent = storage.token;
    const response = await fetch(url, { ...options, headers: withToken(options.headers) });
    if (response.status !== 401) return response;
    if (sent === storage.token) await askForToken(sent !== "");
  }
}

/** POST /predict, with progress of the upload: fetch has none. Rejects without a connection. */
function post(job) {
  return new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    xhr.open("POST", "/predict");
    xhr.timeout = TIMEOUT_MS;
    const headers = withToken({ "Content-Type": job.file.type || "application/octet-stream" });
    for (const [name, value] of Object.entries(headers)) xhr.setRequestHeader(name, value);
    xhr.upload.onprogress = (event) => showSending(job, event.loaded / event.total);
    xhr.onload = () => {
      let body = {};
      try { body = JSON.parse(xhr.responseText); } catch { /* a proxy's page */ }
      resolve({ status: xhr.status, body, wait: Number(xhr.getResponseHeader("Retry-After")) || 2 });
    };
    xhr.onerror = xhr.ontimeout = xhr.onabort = () => reject(new Error("no connection"));
    job.cancel = () => xhr.abort();
    xhr.send(job.file);
  });
}

/** The answer of the service, after waiting for a token or for a busy service. */
async function ask(job) {
  for (let attempt = 1; ; attempt += 1) {
    const sent = storage.token;
    const reply = await post(job);
    if (reply.status === 401) {
      showState(job, "", element("p", "Waiting for the token."));
      if (sent === storage.token) await askForToken(sent !== "");
      attempt -= 1;
    } else if (RETRY.includes(reply.status) && attempt < ATTEMPTS && !job.removed) {
      await waitForService(job, Math.min(reply.wait, LONGEST_WAIT_S));
    } else {
      return reply;
    }
  }
}

async function waitForService(job, wait) {
  announce("The service is busy. The photo is sent again in a moment.");
  for (let left = Math.ceil(wait); left > 0 && !job.removed; left -= 1) {
    showState(job, "", element("p", `The service is busy. Trying again in ${left} s.`));
    await seconds(1);
  }
}

// ---- Photos

function add(files) {
  showMessage("");
  if (!files.length) return;
  const added = [...files].map(createJob);
  $("#cards").prepend(...added.map((job) => job.card));
  document.body.classList.add("answered");
  $("#answers").hidden = false;
  total += added.length;
  waiting.push(...added);
  if (added.length > 1) announce(`${added.length} photos.`);
  sendNext();
  $("#answers").scrollIntoView({ block: "nearest" });
}

function createJob(file) {
  const job = { file, name: file.name || "Photo", card: $("#card").content.firstElementChild.cloneNode(true), removed: false, cancel() {}, stopExplaining() {} };
  jobs.add(job);
  const image = $("img", job.card);
  job.url = URL.createObjectURL(job.file);
  image.onerror = () => $(".photo", job.card).classList.add("none");
  image.alt = `Preview of ${job.name}`;
  image.decoding = "async";
  image.src = job.url;
  $(".name", job.card).textContent = job.name;
  $(".name", job.card).title = job.name;
  showState(job, "", element("p", "Waiting for its turn."));
  return job;
}

function sendNext() {
  while (open < IN_FLIGHT && waiting.length) {
    const job = waiting.shift();
    open += 1;
    answer(job).finally(() => {
      open -= 1;
      if (!job.removed) done += 1;
      showProgress();
      sendNext();
    });
  }
  showProgress();
}

async function answer(job) {
  const problem = problemOf(job.file);
  if (problem) return showFailure(job, ...problem);
  showSending(job, 0);
  let reply;
  try {
    reply = await ask(job);
  } catch {
    if (job.removed) return undefined;
    return showFailure(job, "No connection to the service", "Is it running, and is this device online?", true);
  }
  if (job.removed) return undefined;
  if (reply.status === 200) return showAnswer(job, reply.body);
  return showFailure(job, titleOf(reply.status), `${reply.body.error ?? `The service answered ${reply.status}.`} ${reply.body.hint ?? ""}`,
    reply.status >= 500 || reply.status === 429 || reply.status === 408);
}

/** What is wrong with a file before it is sent: a title and a sentence, or null. */
function problemOf(file) {
  if (file.type && !file.type.startsWith("image/")) return ["This is not a picture", "Choose a JPEG or PNG file."];
  if (model && file.size > model.max_bytes) {
    return ["This photo is too large", `It has ${megabytes(file.size)}; the service takes up to ${megabytes(model.max_bytes)}.`];
  }
  return file.size ? null : ["This file is empty", "Choose a JPEG or PNG file."];
}

function titleOf(status) {
  const titles = { 400: "This photo cannot be read", 408: "The photo did not arrive in time", 413: "This photo is too large",
    415: "This kind of picture is not taken", 429: "The service is busy", 503: "The service cannot answer now" };
  return titles[status] ?? "The service could not answer";
}

// ---- What a card shows

function showState(job, kind, ...parts) {
  const state = $(".state", job.card);
  state.className = `state ${kind}`;
  state.replaceChildren(...parts);
}

function showSending(job, share) {
  const text = share < 1 ? `Sending: ${Math.round(share * 100)} %` : "Sent. Waiting for the answer.";
  const bar = element("progress", "", { max: 1 });
  bar.setAttribute("aria-label", job.name);
  if (share < 1) bar.value = share;
  showState(job, "", element("p", text), bar);
}

function showFailure(job, title, text, again = false) {
  const parts = [element("h3", title), element("p", text.trim())];
  if (again) {
    const button = element("button", "Try again", { type: "button", className: "second" });
    button.onclick = () => { total += 1; waiting.push(job); sendNext(); };
    parts.push(button);
  }
  showState(job, "failed", ...parts);
  announce(`${job.name}: ${title}. ${text}`);
}

function showAnswer(job, body) {
  job.answer = body;
  const ranked = Object.entries(body.probabilities).sort((a, b) => b[1] - a[1]);
  const title = element("h3", body.known ? body.label : "I do not know this one");
  const parts = [title];
  if (body.known) {
    title.append(" ", element("small", percent(body.probability)));
  } else {
    parts.push(element("p", reasonOf(body.why, ranked)), element("p", "The nearest classes:", { className: "soft" }));
  }
  showState(job, body.known ? "" : "unknown", ...parts, bars(ranked.slice(0, TOP)));
  announce(body.known ? `${job.name}: ${body.label}, ${percent(body.probability)}.` : `${job.name}: I do not know this one. ${reasonOf(body.why, ranked)}`);
  if (model?.explanations) offerExplanation(job);
  if (model?.feedback) offerFeedback(job);
  if (model && body.model_version !== model.model_version) loadModel();
}

function reasonOf(why, ranked) {
  if (why === "far") return "This does not look like the photos I learned from.";
  const [first, second] = ranked;
  return second ? `It could be ${first[0]} or ${second[0]}: I am not sure enough to say.` : "I am not sure enough to say.";
}

function bars(ranked) {
  const list = element("ul", "", { className: "bars" });
  list.setAttribute("aria-label", "Probabilities");
  for (const [label, probability] of ranked) {
    const bar = element("i");
    bar.style.setProperty("--share", `${100 * probability}%`);
    const row = element("li");
    row.append(element("b", label), element("span", percent(probability)), bar);
    list.append(row);
  }
  return list;
}

function showProgress() {
  const bar = $("#progress");
  bar.max = Math.max(total, 1);
  bar.value = done;
  bar.hidden = total < 2 || done >= total;
  if (done >= total && total > 1) announce("All photos are answered.");
  if (done >= total) done = total = 0;
}

function clear() {
  waiting.length = 0;
  for (const job of jobs) {
    job.removed = true;
    job.cancel();
    job.stopExplaining();
    URL.revokeObjectURL(job.url);
  }
  jobs.clear();
  $("#cards").replaceChildren();
  done = total = 0;
  showProgress();
  showMessage("");
  document.body.classList.remove("answered");
  $("#answers").hidden = true;
  $("#choose").focus();
  announce("The answers are cleared.");
}

// ---- Feedback

function offerFeedback(job) {
  const box = $(".feedback", job.card), button = $(".wrong", box), form = $("form", box), select = $("select", box);
  const options = ["", ...model.labels.filter((label) => label !== job.answer.label || !job.answer.known), NONE];
  select.replaceChildren(...options.map((label, index) => element("option", label || "choose", { value: index })));
  select.options[0].value = "";
  button.textContent = job.answer.known ? "This is wrong" : "I know what it is";
  box.hidden = false;
  button.onclick = () => {
    form.hidden = !form.hidden;
    button.setAttribute("aria-expanded", String(!form.hidden));
    if (!form.hidden) select.focus();
  };
  form.onsubmit = async (event) => {
    event.preventDefault();
    const send = $("button", form);
    send.disabled = true;
    const chosen = Number(select.value);
    const problem = await sendFeedback(job, chosen === options.length - 1 ? null : options[chosen]);
    send.disabled = false;
    const thanks = $(".thanks", box);
    thanks.textContent = problem || "Thank you. The photo and your answer were sent.";
    thanks.hidden = false;
    if (!problem) form.hidden = button.hidden = true;
    thanks.focus();
    announce(thanks.textContent);
  };
}

/** Empty, or what went wrong. The service keeps photos for minutes only: later, the photo is sent once more. */
async function sendFeedback(job, label) {
  try {
    let response = await postFeedback(job.answer.id, label);
    if (response.status === 404) {
      const reply = await request("/predict", { method: "POST", body: job.file, headers: { "Content-Type": job.file.type } });
      if (reply.ok) response = await postFeedback((await reply.json()).id, label);
    }
    if (response.ok) return "";
    const body = await response.json();
    return `${body.error} ${body.hint}`;
  } catch {
    return "No connection to the service. Try again later.";
  }
}

function postFeedback(id, label) {
  return request("/v1/feedback", { method: "POST", body: JSON.stringify({ id, label }), headers: { "Content-Type": "application/json" } });
}

// ---- The model, the examples, the command

async function loadModel() {
  try {
    const response = await request("/about");
    const body = await response.json();
    if (!response.ok) return showMessage(`${body.error} ${body.hint}`);
    model = body;
  } catch {
    return showMessage("No connection to the service: reload this page when it runs.");
  }
  showModel();
  if (!$("#examples ul").childElementCount) loadExamples();
  return undefined;
}

function showModel() {
  const { test_accuracy: accuracy, labels, created } = model;
  $("#classes").textContent = `It knows ${labels.length} classes: ${labels.slice(0, 12).join(", ")}${labels.length > 12 ? " and others" : ""}.`;
  $("#limits").textContent = `JPEG or PNG, up to ${megabytes(model.max_bytes)} each`;
  const value = accuracy ? [element("strong", percent(accuracy.value)),
    ` of ${accuracy.photos} photos (${percent(accuracy.low)} to ${percent(accuracy.high)} with 95 % confidence)`] : ["not recorded"];
  $("#accuracy").replaceChildren(...value);
  $("#version").textContent = model.model_version;
  $("#created").textContent = created ? new Date(created).toLocaleDateString("en", { year: "numeric", month: "long", day: "numeric" }) : "not recorded";
  $("#card-link").hidden = !model.card;
  $("#no-card").hidden = Boolean(model.card);
  $("#model").hidden = false;
  $("#privacy").textContent = model.feedback
    ? "Photos go to this service alone. It keeps them for some minutes, and longer only if you tell it that an answer is wrong."
    : "Photos go to this service alone, which does not keep them.";
}

async function loadExamples() {
  const list = $("#examples ul");
  for (const { url, title } of model.examples) {
    const item = element("li"), button = element("button", "", { type: "button" });
    const image = element("img", "", { alt: title, width: 160, height: 160 });
    button.append(image);
    item.append(button);
    list.append(item);
    const photo = request(url).then((response) => response.blob());
    photo.then((blob) => { image.src = URL.createObjectURL(blob); }, () => item.remove());
    // A click before the picture is there waits for it.
    button.onclick = async () => add([new File([await photo], title, { type: "image/jpeg" })]);
  }
  $("#examples").hidden = false;
}

/** With a token the card cannot be opened by a link: it is fetched and saved. */
async function openCard(event) {
  if (!storage.token) return;
  event.preventDefault();
  const response = await request(model.card);
  const link = element("a", "", { href: URL.createObjectURL(await response.blob()), download: `model-card-${model.model_version}.html` });
  link.click();
}

function showCommand() {
  const token = storage.token ? ' -H "Authorization: Bearer $TOKEN"' : "";
  $("#curl").textContent = `curl --data-binary @photo.jpg -H "Content-Type: image/jpeg"${token} ${location.origin}/predict`;
}

async function copyCommand() {
  const code = $("#curl");
  try {
    await navigator.clipboard.writeText(code.textContent); // only on localhost and over HTTPS
    $("#copy").textContent = "Copied";
    announce("Copied.");
  } catch {
    getSelection().selectAllChildren(code);
    $("#copy").textContent = "Selected";
    announce("The command is selected: copy it with your keyboard.");
  }
  await seconds(2);
  $("#copy").textContent = "Copy";
}

// ---- Ways in

function choose(input) {
  input.onchange = () => { add([...input.files]); input.value = ""; };
  return () => input.click();
}

function paste(event) {
  if (event.target.closest?.("input")) return;
  const files = [...event.clipboardData.files];
  if (files.length) add(files.map((file) => new File([file], file.name === "image.png" ? "Pasted picture" : file.name, { type: file.type })));
  else showMessage("There is no picture in the clipboard.");
}

function drop(event) {
  event.preventDefault();
  document.body.classList.remove("dragging");
  const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.());
  const files = [...event.dataTransfer.files].filter((_, index) => !entries[index]?.isDirectory);
  add(files);
  if (entries.some((entry) => entry?.isDirectory)) showMessage("Folders are not taken: drop the photos in it.");
  else if (!files.length) showMessage("That was not a file: save the picture first, then drop it here.");
}

function start() {
  $("#choose").onclick = choose($("#files"));
  $("#photograph").onclick = choose($("#camera"));
  $("#clear").onclick = clear;
  $("#copy").onclick = copyCommand;
  $("#card-link").onclick = openCard;
  document.addEventListener("paste", paste);
  document.addEventListener("drop", drop);
  document.addEventListener("dragover", (event) => { event.preventDefault(); document.body.classList.add("dragging"); });
  document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) document.body.classList.remove("dragging"); });
  showCommand();
  loadModel();
}

start();
