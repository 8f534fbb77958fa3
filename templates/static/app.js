// What pages do beyond htmx. Everything here has a way without it: links, forms and pages.
"use strict";
(() => {
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

  // --- light and dark: a cookie, so that the server sends the right one and nothing flashes
  const dark = () => {
    const chosen = document.documentElement.dataset.theme;
    return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  };
  const toggleTheme = () => {
    const theme = dark() ? "light" : "dark";
    document.documentElement.dataset.theme = theme;
    document.cookie = `theme=${theme};path=/;max-age=31536000;samesite=lax`;
  };

  // --- pictures that still load: the checkerboard is for what is transparent
  const markLoading = (root) => {
    for (const image of $$('img[src*="/assets/"]', root)) {
      if (image.complete) continue;
      image.dataset.loading = "";
      for (const event of ["load", "error"]) {
        image.addEventListener(event, () => delete image.dataset.loading, { once: true });
      }
    }
  };
  markLoading(document);
  document.addEventListener("htmx:afterSettle", () => markLoading(document));

  // --- messages
  const say = (text, kind = "error") => {
    const line = document.createElement("p");
    line.className = `message ${kind}`;
    line.textContent = text;
    $("#messages")?.append(line);
    setTimeout(() => line.remove(), 8000);
  };

  // --- the tray: buttons in cards know what is in it
  const showTray = () => {
    const inside = new Set($$("#tray [data-in-tray]").map((item) => item.dataset.inTray));
    for (const button of $$("[data-tray-button]")) {
      const there = inside.has(button.value);
      button.setAttribute("aria-pressed", String(there));
      button.name = there ? "remove" : "add";
      button.title = there ? "Remove from selection" : "Add to selection";
    }
    document.body.classList.toggle("has-tray", inside.size > 0);
  };

  // --- htmx
  const quiet = "[data-gather], #generation-state, #suggestions, #beside, #batch-progress, #batch-choices, .index-state, #facets"; // a page goes on without them
  document.addEventListener("htmx:configRequest", (event) => {
    const { elt, parameters } = event.detail;
    const gathered = elt.dataset?.gather;
    if (gathered) parameters[gathered] = $$(`[name=${gathered}]`).map((input) => input.value);
    if (elt.id !== "ask" && elt.id !== "facets") return;
    for (const name of Object.keys(parameters)) if (parameters[name] === "") delete parameters[name];
    if (parameters.text_weight === "1") delete parameters.text_weight;
  });
  document.addEventListener("htmx:beforeRequest", (event) => {
    // nothing waits, or nobody looks: no poll
    const gathered = event.detail.elt.dataset?.gather;
    if (gathered && (document.hidden || !$(`[name=${gathered}]`))) event.preventDefault();
    if (event.detail.elt.id === "batch-progress" && document.hidden) event.preventDefault();
  });
  document.addEventListener("htmx:afterSettle", (event) => {
    showTray();
    const after = event.detail.requestConfig?.triggeringEvent?.submitter;
    // a moved item keeps the focus of its button, or of its neighbour at the end of the list
    if (after?.id && !after.isConnected) {
      const again = document.getElementById(after.id);
      (again?.disabled ? again.parentElement.querySelector("button:enabled") : again)?.focus();
    }
  });
  // A whole page in answer to a fragment (a fault, a session that ended) is said, and not put inside
  // this one; only the form that asks for whole pages takes what it selects of them.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { detail } = event;
    if (!detail.isError || !/^\s*<!doctype/i.test(detail.serverResponse)) return;
    if (detail.requestConfig.elt.id === "ask" && detail.serverResponse.includes('id="results"')) return;
    detail.shouldSwap = false;
    const polls = detail.requestConfig.elt.matches(quiet);
    if (detail.xhr.status >= 500 && !polls) say("The request failed: the server has an error. Retry in a moment.");
  });
  document.addEventListener("htmx:sendError", (event) => {
    if (!event.detail.elt.matches(quiet)) {
      say("The server is not responding. Check the connection and retry.");
    }
  });
  document.addEventListener("htmx:responseError", (event) => {
    if (event.detail.xhr.status === 404) say("This item no longer exists. Reload the page.");
    else if (event.detail.xhr.status === 403) say("You don't have permission to do this, or the page has expired. Reload it.");
  });

  // --- clicks on what was found: sent beside the click, for the board of questions without one
  const csrfToken = () => JSON.parse(document.body.getAttribute("hx-headers") || "{}")["X-CSRFToken"];
  const clicked = (event) => {
    const asked = event.target.closest("[data-asked]")?.dataset.asked;
    if (!asked || !event.target.closest("a.card-picture, [data-tray-button]")) return;
    const data = new FormData();
    data.set("csrfmiddlewaretoken", csrfToken());
    navigator.sendBeacon(`/asked/${asked}/click/`, data);
  };
  document.addEventListener("click", clicked);
  document.addEventListener("auxclick", (event) => event.button === 1 && clicked(event)); // a new tab

  // --- the question: pictures with their weights, tags and colours that are picked
  const ask = $("#ask");
  const drawer = $("#filters-open");
  const askAgain = () => ask.requestSubmit();
  const askWith = (pk) => {
    if ($$("#asked .shown").length >= 10) return say("A search has at most 10 images. Remove one first.");
    const input = document.createElement("input");
    Object.assign(input, { type: "hidden", name: "like", value: pk });
    input.setAttribute("form", "ask");
    $("#asked").append(input);
    scrollTo({ top: 0 });
    $("#q").focus({ preventScroll: true }); // what about it: "in green"
    askAgain();
  };
  const weigh = (link) => {
    const shown = link.closest(".shown");
    const menu = $("details", shown);
    if (link.dataset.weigh) $("input", shown).value = link.dataset.weigh;
    else shown.remove();
    menu.open = false;
    (shown.isConnected ? $("summary", menu) : $("#q")).focus(); // htmx keeps it by its id
    askAgain();
  };
  // the question as it stands, to go along with a picture that is shown
  const sendQuestion = (form) => {
    const field = $("[name=question]", form);
    if (field && ask) field.value = new URLSearchParams([...new FormData(ask)].filter(([, value]) => value));
  };
  const pickTag = (button) => {
    const field = $("#f-tags");
    const tags = field.value.split(",").map((tag) => tag.trim()).filter(Boolean);
    const { tag } = button.dataset;
    const there = tags.includes(tag);
    field.value = (there ? tags.filter((each) => each !== tag) : [...tags, tag]).join(", ");
    button.setAttribute("aria-pressed", String(!there));
    field.dispatchEvent(new Event("change", { bubbles: true }));
  };
  const pickColour = (value) => {
    const own = $("[data-own-colour]");
    own.hidden = false;
    $("span", own).style.setProperty("--swatch", value);
    Object.assign($("input", own), { value, checked: true });
  };
  const countFacets = () => { if (drawer?.open) window.htmx?.trigger("#facets", "count"); };
  drawer?.addEventListener("toggle", (event) => { if (event.target === drawer) countFacets(); });
  document.addEventListener("htmx:afterRequest", (event) => {
    const { elt, xhr } = event.detail;
    // counts of another question would be wrong, none are only fewer
    if (elt.id === "facets" && xhr.status && !xhr.responseText.includes("count-")) $$("#filters .count").forEach((count) => { count.textContent = ""; });
  });
  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.detail.elt.id !== "results") return;
    $("#q").placeholder = $("#asked").dataset.placeholder;
    countFacets();
  });
  for (const element of $$("[data-needs-script]")) element.hidden = false;

  // --- a part of a picture: a box that is drawn, or typed
  const part = $("[data-part]");
  if (part) {
    const surface = $("[data-part-surface]");
    const box = $("[data-part-box]");
    const fields = Object.fromEntries(["left", "top", "right", "bottom"].map((side) => [side, $(`[name=${side}]`, part)]));
    const show = () => {
      const { left, top, right, bottom } = Object.fromEntries(Object.entries(fields).map(([side, field]) => [side, 100 * field.value]));
      box.style.inset = `${top}% ${100 - right}% ${100 - bottom}% ${left}%`;
      box.hidden = !part.open || right <= left || bottom <= top;
    };
    const share = (at, from, size) => Math.min(1, Math.max(0, (at - from) / size));
    let start = null;
    const at = (event) => {
      const frame = surface.getBoundingClientRect();
      return [share(event.clientX, frame.left, frame.width), share(event.clientY, frame.top, frame.height)];
    };
    const draw = (event) => {
      const [x, y] = at(event);
      const edges = { left: Math.min(x, start[0]), right: Math.max(x, start[0]), top: Math.min(y, start[1]), bottom: Math.max(y, start[1]) };
      for (const [side, value] of Object.entries(edges)) fields[side].value = value.toFixed(3);
      show();
    };
    part.addEventListener("toggle", () => { surface.classList.toggle("drawing", part.open); show(); });
    part.addEventListener("input", show);
    surface.addEventListener("pointerdown", (event) => {
      if (!part.open || event.button) return;
      event.preventDefault();
      start = at(event);
      surface.setPointerCapture(event.pointerId);
    });
    surface.addEventListener("pointermove", (event) => { if (start) draw(event); });
    surface.addEventListener("pointerup", () => { start = null; });
    surface.addEventListener("pointercancel", () => { start = null; });
    surface.addEventListener("dragstart", (event) => { if (part.open) event.preventDefault(); });
    surface.closest("a").addEventListener("click", (event) => { if (part.open) event.preventDefault(); });
  }

  // --- forms: a second click sends nothing
  document.addEventListener("submit", (event) => {
    if (event.defaultPrevented || event.target.method !== "post") return;
    const { submitter } = event;
    // after the form was read: a disabled button is not sent along
    if (submitter) setTimeout(() => { submitter.disabled = true; submitter.dataset.sent = "yes"; });
  });
  window.addEventListener("pageshow", (event) => {
    const returned = event.persisted || performance.getEntriesByType("navigation")[0]?.type === "back_forward";
    if (!returned) return;
    for (const button of $$("[data-sent]")) { button.disabled = false; delete button.dataset.sent; }
    // who comes back and presses Make wants more of the same
    const token = $("[data-studio] [name=token]");
    if (token) token.value = `${Date.now()}-${Math.random()}`;
  });

  // --- batches: a cell in which somebody chooses a reason is drawn anew later
  document.addEventListener("htmx:oobBeforeSwap", (event) => {
    const { target } = event.detail;
    if (target.matches?.(".cell") && $("details[open], input:focus", target)) event.detail.shouldSwap = false;
  });

  // --- comparing: both pictures are zoomed and moved together
  const compare = $("[data-compare]");
  if (compare) {
    const stage = $("[data-compare-stage]");
    const view = { zoom: 1, x: 0, y: 0 };
    const show = () => {
      if (view.zoom <= 1) Object.assign(view, { zoom: 1, x: 0, y: 0 });
      compare.style.setProperty("--zoom", view.zoom);
      compare.style.setProperty("--x", `${view.x}px`);
      compare.style.setProperty("--y", `${view.y}px`);
      stage.classList.toggle("zoomed", view.zoom > 1);
    };
    // what is under the pointer stays there; without one it is the middle
    const zoom = (by, event) => {
      const frame = (event?.target.closest(".compare-frame") || $(".compare-frame", stage)).getBoundingClientRect();
      const x = event ? event.clientX - frame.left - frame.width / 2 : 0;
      const y = event ? event.clientY - frame.top - frame.height / 2 : 0;
      const after = by ? Math.min(12, Math.max(1, view.zoom * by)) : 1;
      const factor = after / view.zoom;
      Object.assign(view, { zoom: after, x: x - (x - view.x) * factor, y: y - (y - view.y) * factor });
      show();
    };
    let from = null;
    stage.addEventListener("wheel", (event) => { event.preventDefault(); zoom(event.deltaY < 0 ? 1.2 : 1 / 1.2, event); }, { passive: false });
    stage.addEventListener("dblclick", (event) => zoom(view.zoom > 1 ? 0 : 2.5, event));
    stage.addEventListener("pointerdown", (event) => {
      if (view.zoom <= 1 || event.button) return;
      from = { x: event.clientX - view.x, y: event.clientY - view.y };
      stage.setPointerCapture(event.pointerId);
    });
    stage.addEventListener("pointermove", (event) => {
      if (from) { Object.assign(view, { x: event.clientX - from.x, y: event.clientY - from.y }); show(); }
    });
    for (const end of ["pointerup", "pointercancel"]) stage.addEventListener(end, () => { from = null; });
    compare.addEventListener("click", (event) => {
      const by = event.target.closest("[data-zoom]")?.dataset.zoom;
      if (by) zoom(Number(by));
    });
    const split = $("[data-compare-split]");
    split?.addEventListener("input", () => compare.style.setProperty("--split", `${split.value}%`));
    document.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select")) return;
      const judged = $("[data-compare-a] .verdict") ? "[data-compare-a]" : "[data-compare-b]";
      const keys = { k: "[data-keep]", u: "[data-undecide]", r: "[data-reject]" };
      const found = keys[event.key] ? $(`${judged} ${keys[event.key]}`) : $$("[data-key]", compare).find((link) => link.dataset.key === event.key);
      if (!found) return;
      event.preventDefault();
      found.click();
      if (event.key !== "r") return;
      $(".menu-body", found.parentElement)?.scrollIntoView({ block: "nearest" });
      $(".menu-body button", found.parentElement)?.focus({ preventScroll: true });
    });
  }

  // --- studio: formats and sizes follow the model
  const followModel = () => {
    const chosen = $("[data-studio-model]")?.selectedOptions[0];
    if (!chosen) return;
    for (const group of $$("[data-studio-options]")) {
      const offered = chosen.dataset[group.dataset.studioOptions].split(" ").filter(Boolean);
      const inputs = $$("input", group);
      for (const input of inputs) {
        input.disabled = !offered.includes(input.value);
        input.closest("label").hidden = input.disabled;
      }
      group.hidden = !offered.length;
      if (!inputs.some((input) => input.checked && !input.disabled)) {
        const first = inputs.find((input) => !input.disabled);
        if (first) first.checked = true;
      }
    }
  };

  // --- studio: a preset brings its format and size; Enter in one of its blanks makes nothing yet
  const follow = (name, value) => {
    const input = value && $$(`#studio-form [name=${name}]`).find((each) => each.value === value && !each.disabled);
    if (input) input.checked = true;
  };
  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.detail.elt.id !== "studio-preset") return;
    const { presetRatio, presetSize } = $("[data-preset-ratio]", event.detail.elt)?.dataset || {};
    follow("aspect_ratio", presetRatio);
    follow("image_size", presetSize);
    $("#studio-form").dispatchEvent(new Event("input", { bubbles: true }));
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.matches(".preset-blanks input")) event.preventDefault();
  });

  // --- uploads: one request for each file, two at a time
  const panel = $("#uploads");
  const queue = [];
  let running = 0;

  const openUploads = () => {
    panel.hidden = false;
    $("[data-upload-choose]", panel).focus();
  };
  const offerFiles = (files) => {
    const rows = $("[data-upload-rows]", panel);
    const brand = $("[data-upload-brand]", panel);
    for (const file of files) {
      const row = $("[data-upload-row]", panel).content.firstElementChild.cloneNode(true);
      $(".upload-name", row).textContent = file.name;
      $("button", row).addEventListener("click", () => { queue.push({ file, row }); work(); });
      rows.append(row);
      queue.push({ file, row });
    }
    panel.hidden = false;
    const start = $("[data-upload-start]", panel);
    // who may fill several brands says which before anything is sent
    if (brand && !brand.dataset.said) {
      start.hidden = false;
      start.textContent = `Upload ${queue.length} to this brand`;
      start.focus();
    } else work();
  };
  const startUploads = () => {
    const brand = $("[data-upload-brand]", panel);
    if (brand) brand.dataset.said = "yes";
    $("[data-upload-start]", panel).hidden = true;
    work();
  };
  const count = () => {
    const rows = $$(".upload-row", panel);
    const left = rows.filter((row) => !row.dataset.outcome).length;
    const came = (outcome) => rows.filter((row) => row.dataset.outcome === outcome).length;
    const said = [[came("stored"), "added"], [came("duplicate"), "already in the library"], [came("refused"), "refused"]];
    const done = said.filter(([number]) => number).map(([number, what]) => `${number} ${what}`).join(", ");
    $("[data-upload-title]", panel).textContent = left ? `Uploading, ${left} left` : done || "Upload";
  };
  const work = () => {
    while (running < 2 && queue.length) send(queue.shift());
    count();
  };
  const send = ({ file, row }) => {
    running += 1;
    delete row.dataset.outcome;
    $("button", row).hidden = true;
    const said = $(".upload-said", row);
    said.textContent = "Uploading";
    const data = new FormData($("[data-upload-form]", panel));
    data.delete("file");
    data.append("file", file, file.name);
    const request = new XMLHttpRequest();
    request.open("POST", panel.dataset.uploadUrl);
    request.setRequestHeader("Accept", "application/json");
    request.upload.onprogress = (event) => {
      if (!event.lengthComputable) return;
      $("progress", row).value = (100 * event.loaded) / event.total;
      if (event.loaded === event.total) said.textContent = "Processing";
    };
    request.onload = () => { running -= 1; answered(request, row); work(); };
    request.onerror = () => {
      running -= 1;
      finish(row, "refused", "The connection was lost. Retry.", true);
      work();
    };
    request.send(data);
  };
  const answered = (request, row) => {
    let answer = null;
    try { answer = JSON.parse(request.responseText); } catch { /* a proxy's page */ }
    if (request.status < 300 && answer?.outcome) {
      const stored = answer.outcome === "stored";
      finish(row, answer.outcome, stored ? "Added" : answer.aside ? `Already in the library, ${answer.aside}: ` : "Already in the library: ", false, answer);
      if (stored) showCard(answer.card);
    } else {
      const again = request.status >= 500 || request.status === 0;
      finish(row, "refused", answer?.detail || `The server rejected the file (${request.status}).`, again, answer);
    }
  };
  const finish = (row, outcome, text, again, answer) => {
    row.dataset.outcome = outcome;
    $("progress", row).value = 100;
    const said = $(".upload-said", row);
    said.textContent = text;
    $("button", row).hidden = !again;
    if (answer?.outcome === "duplicate") {
      const link = document.createElement("a");
      link.href = answer.url;
      link.textContent = answer.title;
      said.append(link);
      if (answer.version) said.append(`, version ${answer.version}, replaced since`);
    }
    if (answer?.added) said.append(` · ${answer.added}`);
    if (answer?.code === "in_trash" && answer.may_restore) offerRestore(said, answer);
    if (answer?.also_in) said.append(` · also in ${answer.also_in.join(", ")}`);
  };
  const offerRestore = (said, answer) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "button small";
    button.textContent = "Restore";
    button.addEventListener("click", async () => {
      button.disabled = true;
      const response = await fetch(answer.restore, { method: "POST", headers: { "X-CSRFToken": csrfToken() } });
      said.textContent = response.ok ? "Restored: " : "It could not be restored. Open the ";
      const link = document.createElement("a");
      link.href = response.ok ? answer.page : "/trash/";
      link.textContent = response.ok ? answer.title : "trash";
      said.append(link);
    });
    said.append(" ", button);
  };
  const showCard = async (address) => {
    const grid = $("#grid");
    if (!grid) return;
    const response = await fetch(address);
    if (!response.ok) return;
    grid.hidden = false;
    $("#results .quiet-state")?.remove();
    grid.insertAdjacentHTML("afterbegin", await response.text());
    window.htmx?.process(grid.firstElementChild);
    showTray();
  };

  // --- dropping pictures on the library
  const zones = $("[data-drop-zones]");
  const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
  let depth = 0;
  const searchWith = (files) => {
    const form = $("#picture-form");
    const holder = new DataTransfer();
    files.forEach((file) => holder.items.add(file));
    $("input[type=file]", form).files = holder.files;
    sendQuestion(form);
    document.body.classList.add("asking");
    form.submit();
  };
  if (zones) {
    const show = (on) => { zones.hidden = !on; if (!on) depth = 0; };
    document.addEventListener("dragenter", (event) => { if (carriesFiles(event)) { depth += 1; show(true); } });
    document.addEventListener("dragleave", (event) => { if (carriesFiles(event) && --depth <= 0) show(false); });
    document.addEventListener("dragover", (event) => {
      if (!carriesFiles(event)) return;
      event.preventDefault();
      const over = event.target.closest("[data-drop]");
      $$("[data-drop]", zones).forEach((zone) => zone.classList.toggle("over", zone === over));
    });
    document.addEventListener("drop", (event) => {
      if (!carriesFiles(event)) return;
      event.preventDefault();
      show(false);
      const zone = event.target.closest("[data-drop]")?.dataset.drop || (panel ? "upload" : "search");
      const files = [...event.dataTransfer.files];
      if (zone === "search" && files.length) searchWith(files);
      else if (files.length) offerFiles(files);
    });
  }

  // --- dropping one file on a form with one field for it
  const dropForm = (event) => carriesFiles(event) && event.target.closest?.("[data-drop-file]");
  document.addEventListener("dragover", (event) => {
    const form = dropForm(event);
    $$("[data-drop-file]").forEach((each) => each.classList.toggle("over", each === form));
    if (form) event.preventDefault();
  });
  document.addEventListener("drop", (event) => {
    const form = dropForm(event);
    if (!form) return;
    event.preventDefault();
    form.classList.remove("over");
    const holder = new DataTransfer();
    holder.items.add(event.dataTransfer.files[0]);
    $("input[type=file]", form).files = holder.files;
  });

  // --- clicks, choices, keys
  document.addEventListener("click", (event) => {
    const target = event.target.closest("button, a, summary, label") || event.target;
    if (target.matches("[data-theme-toggle]")) toggleTheme();
    if (target.matches("[data-dismiss]")) target.closest(".message").remove();
    if (target.matches("[data-close-details]")) target.closest("details").open = false;
    if (target.matches("[data-weigh]")) { event.preventDefault(); weigh(target); }
    if (target.matches("[data-ask-with]") && ask && !event.metaKey && !event.ctrlKey) { event.preventDefault(); askWith(target.dataset.askWith); }
    if (target.matches("[data-tag]")) pickTag(target);
    if (target.matches("[data-upload-open]") && panel) { event.preventDefault(); openUploads(); }
    if (target.matches("[data-upload-close]")) panel.hidden = true;
    if (target.matches("[data-upload-start]")) startUploads();
    $$("details.menu[open], details.filters[open]").forEach((open) => {
      if (!open.contains(event.target)) open.open = false;
    });
  });
  document.addEventListener("change", (event) => {
    const { target } = event;
    if (target.matches("#asked input")) askAgain();
    if (target.matches("[data-submit-on-choose]") && target.files.length) {
      sendQuestion(target.form);
      document.body.classList.add("asking");
      target.form.submit();
    }
    if (target.matches("[data-upload-choose]") && target.files.length) {
      offerFiles([...target.files]);
      target.value = "";
    }
    if (target.matches("[data-studio-model]")) followModel();
  });
  document.addEventListener("input", (event) => {
    if (event.target.matches("[data-pick-colour]")) pickColour(event.target.value);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      $$("details.menu[open], details.filters[open]").forEach((open) => {
        open.open = false;
        $("summary", open).focus();
      });
    }
    if (event.key === "/" && !event.target.closest("input, textarea, select")) {
      const box = $("#q");
      if (box) { event.preventDefault(); box.focus(); box.select(); }
    }
  });

  // --- review: one draft after the other, by keys
  document.addEventListener("keydown", (event) => {
    const cards = $$("[data-review] .review-card");
    if (!cards.length || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("textarea, select, summary, input:not([type=checkbox])")) return;
    const at = cards.indexOf(document.activeElement?.closest(".review-card"));
    const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    const card = cards[at];
    if (step) {
      const next = cards[Math.min(Math.max(at + step, 0), cards.length - 1)];
      next.focus({ preventScroll: true });
      next.scrollIntoView({ block: "start" });
    } else if (card && event.key === "a") $("[data-approve]", card).click();
    else if (card && event.key === "x") $("input[name=asset]", card).click();
    else if (card && event.key === "s") {
      $("details", card).open = true;
      $("textarea", card).focus();
    } else return;
    event.preventDefault();
  });
  $("[data-review] .review-card")?.focus({ preventScroll: true });
  window.addEventListener("beforeunload", (event) => { if (running || queue.length) event.preventDefault(); });

  followModel();
  showTray();
})();
