/* What you have read and answered: one entry in this browser's storage for the whole book, sent nowhere. Where the
   browser keeps nothing, the pages are as they would be without this file. */
(() => {
  const root = new URL("..", document.currentScript.src); // this file lies in _static
  const KEY = `collabkit-progress-1 ${root.pathname}`; // another book of the same host has the same storage
  const chapter = (url) => new URL(url).pathname.match(/\/book\/chapters\/([^/]+?)(?:\.html)?$/)?.[1];
  const here = chapter(location.href);
  const groups = [...document.querySelectorAll(".quick-check fieldset")];
  const questions = new Map(groups.map((group) => [group.querySelector("legend").textContent, group]));

  // ---- what is kept: {chapter: {begun, read, asked, answers: {question: was it ever right?}}} ----

  const object = (found) => (found && typeof found === "object" ? found : {});

  function load() {
    try {
      return object(JSON.parse(localStorage.getItem(KEY)));
    } catch {
      return {}; // refused, or not ours
    }
  }

  function store(key, text) {
    try {
      localStorage.setItem(key, text);
      return true;
    } catch {
      return false; // refused, or full
    }
  }

  // A chapter's part, whatever was found there. `read` is undefined until the end was reached or the box was pressed.
  function sound(found) {
    const { begun, read, asked, answers } = object(found);
    const judged = Object.entries(object(answers)).filter(([, right]) => typeof right === "boolean");
    return {
      begun: begun === true,
      read: typeof read === "boolean" ? read : undefined,
      asked: Math.max(Number(asked) || 0, judged.length),
      answers: Object.fromEntries(judged),
    };
  }

  function change(edit) {
    const kept = load(), before = JSON.stringify(kept); // another tab may have written since
    const part = sound(kept[here]);
    edit(part);
    part.asked = questions.size;
    for (const question in part.answers) if (!questions.has(question)) delete part.answers[question]; // no longer asked
    const after = JSON.stringify({ ...kept, [here]: part });
    if (after !== before && !store(KEY, after)) told.textContent = "This browser has no room left to remember it.";
    show();
  }

  // ---- what is shown ----

  function make(tag, attributes, ...inside) {
    const node = document.createElement(tag);
    for (const name in attributes) node.setAttribute(name, attributes[name]);
    node.append(...inside);
    return node;
  }

  function show() {
    const kept = load();
    let chapters = 0, chaptersRead = 0, allAnswered = 0, allRight = 0;
    for (const link of document.querySelectorAll(".bd-docs-nav a")) {
      const name = chapter(link.href);
      if (!name) continue;
      const { begun, read, asked, answers } = sound(kept[name]), judged = Object.values(answers);
      const answered = judged.length, right = judged.filter(Boolean).length;
      chapters += 1;
      chaptersRead += read === true;
      allAnswered += answered;
      allRight += right;
      link.querySelector(".chapter-mark")?.remove();
      if (!read && !begun && !answered) continue;
      const words = (read ? "read" : "begun") + (answered ? `, quiz ${right} of ${asked} right` : "");
      const icon = make("i", { class: `fa-solid fa-${read ? "check" : "circle-half-stroke"}` });
      const seen = make("span", { "aria-hidden": "true" }, answered ? `${right}/${asked} ` : "", icon);
      const heard = make("span", { class: "visually-hidden" }, ` (${words})`);
      link.append(make("span", { class: "chapter-mark", title: words }, seen, heard));
    }
    box.checked = sound(kept[here]).read;
    forget.hidden = !Object.keys(kept).length;
    count.textContent = forget.hidden
      ? "This browser alone remembers which of them you answer, and which chapters you read. "
      : `You have answered ${allAnswered} of them, ${allRight} rightly, and read ${chaptersRead} of ${chapters} chapters. ` +
        "In the contents, ✓ is a chapter read, ◐ one begun, 2/4 its quiz. This browser alone remembers it. ";
  }

  const box = make("input", { type: "checkbox" }), told = make("span", { role: "status" });
  const count = make("span", { class: "d-print-none", tabindex: "-1" });
  const forget = make("button", { class: "d-print-none", type: "button" }, "Forget my progress");
  addEventListener("storage", show);
  addEventListener("pageshow", show); // the page may come back as it was left
  if (!store("collabkit-probe", "")) return show(); // what was kept once can still be seen
  localStorage.removeItem("collabkit-probe");

  // ---- the front page ----

  document.querySelector(".course-progress p")?.append(" ", count, forget);
  forget.addEventListener("click", () => {
    if (!confirm("Forget which chapters you have read and which questions you have answered?")) return;
    localStorage.removeItem(KEY);
    show();
    count.focus(); // the button is gone
  });

  // ---- a chapter ----

  if (here) {
    for (const [question, group] of questions) {
      const status = group.querySelector("[role=status]"); // where the quiz says ✓ or ✗
      new MutationObserver(() => {
        const judged = status.querySelector("b:is(.right, .wrong)");
        if (judged) change(({ answers }) => { answers[question] ||= judged.matches(".right"); });
      }).observe(status, { childList: true });
    }
    addEventListener("scroll", function begin() {
      if (scrollY < innerHeight) return;
      removeEventListener("scroll", begin);
      change((part) => { part.begun = true; });
    });
    const front = make("a", { href: new URL("book/index.html#what-you-build", root) }, "front page");
    const end = make("p", { class: "course-progress d-print-none" }, make("label", {}, box, " I have read this chapter."),
      " It is ticked when you get here. This browser alone remembers it; the ", front, " counts, and can forget. ", told);
    document.querySelector("#summary")?.append(end);
    box.addEventListener("change", () => change((part) => { part.read = box.checked; }));
    new IntersectionObserver((seen) => {
      if (seen.some(({ isIntersecting }) => isIntersecting)) change((part) => { part.read ??= true; });
    }).observe(end);
    if (load()[here]) change(() => {}); // other questions may be asked than when it was kept
  }
  show();
})();
