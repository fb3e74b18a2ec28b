/* Which chapters you have read and which quiz questions you have answered: one entry in this browser's storage for the
   whole book, shown beside each chapter and counted on the front page. Nothing is sent anywhere. Where the browser keeps
   nothing, the page is as it would be without this file. */
(() => {
  const root = new URL("..", document.currentScript.src); // this file lies in _static
  const KEY = `collabkit-progress-1 ${root.pathname}`; // another book of the same host has the same storage
  const chapter = (url) => new URL(url).pathname.match(/\/book\/chapters\/([^/]+?)(?:\.html)?$/)?.[1];
  const here = chapter(location.href);
  const groups = document.querySelectorAll(".quick-check fieldset");
  const questions = new Map([...groups].map((group) => [group.querySelector("legend").textContent, group]));

  // ---- what is kept: {chapter: {begun, read, asked, answers: {question: was it ever right?}}} ----

  const object = (found) => (found && typeof found === "object" && !Array.isArray(found) ? found : {});

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
      asked: Math.max(Number.isSafeInteger(asked) ? asked : 0, judged.length),
      answers: Object.fromEntries(judged),
    };
  }

  function change(edit) {
    const kept = load(), before = JSON.stringify(kept); // another tab may have written since
    const mine = sound(kept[here]);
    edit(mine);
    for (const question in mine.answers) if (!questions.has(question)) delete mine.answers[question]; // an older edition's
    const after = JSON.stringify({ ...kept, [here]: { ...mine, asked: questions.size } });
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

  function score({ answers }) {
    const judged = Object.values(answers);
    return { answered: judged.length, right: judged.filter(Boolean).length };
  }

  function mark(part) {
    const { answered, right } = score(part), state = part.read ? "read" : part.begun || answered ? "begun" : "";
    if (!state) return "";
    const words = answered ? `${state}, quiz ${right} of ${part.asked} right` : state;
    const icon = make("i", { class: `fa-solid ${part.read ? "fa-check" : "fa-circle-half-stroke"}` });
    const seen = make("span", { "aria-hidden": "true" }, answered ? `${right}/${part.asked} ` : "", icon);
    const heard = make("span", { class: "visually-hidden" }, `, ${words}`);
    return make("span", { class: "chapter-mark", title: words }, seen, heard);
  }

  function show() {
    const kept = load(), total = { chapters: 0, read: 0, answered: 0, right: 0 };
    for (const link of document.querySelectorAll(".bd-docs-nav a")) {
      const name = chapter(link.href);
      if (!name) continue;
      const part = sound(kept[name]), { answered, right } = score(part);
      link.querySelector(".chapter-mark")?.remove();
      link.append(mark(part));
      total.chapters += 1;
      total.read += part.read === true;
      total.answered += answered;
      total.right += right;
    }
    box.checked = sound(kept[here]).read === true;
    forget.hidden = !Object.keys(kept).length;
    count.textContent = forget.hidden
      ? "What you read and answer will be marked in the contents. This browser alone remembers it. "
      : `You have read ${total.read} of ${total.chapters} chapters and answered ${total.answered} of these questions, ` +
        `${total.right} rightly. This browser alone remembers it. `;
  }

  const box = make("input", { type: "checkbox" }), told = make("span", { role: "status" });
  const count = make("span", { class: "d-print-none", tabindex: "-1" });
  const forget = make("button", { class: "d-print-none", type: "button" }, "Forget my progress");
  addEventListener("storage", ({ key }) => { if (key === KEY || key === null) show(); });
  addEventListener("pageshow", show); // the page may come back as it was left
  if (!store(`${KEY} probe`, "")) return show(); // what was kept once can still be seen
  localStorage.removeItem(`${KEY} probe`);

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
      change((mine) => { mine.begun = true; });
    });
    const front = make("a", { href: new URL("book/index.html#what-you-build", root) }, "front page");
    const end = make("p", { class: "course-progress d-print-none" }, make("label", {}, box, " I have read this chapter."),
      " It is ticked when you get here. This browser alone remembers it; the ", front, " counts, and forgets. ", told);
    document.querySelector("#summary")?.append(end);
    box.addEventListener("change", () => change((mine) => { mine.read = box.checked; }));
    new IntersectionObserver((seen) => {
      if (seen.some(({ isIntersecting }) => isIntersecting)) change((mine) => { mine.read ??= true; });
    }).observe(end);
    if (load()[here]) change(() => {}); // an older edition may have asked other questions
  }
  show();
})();
