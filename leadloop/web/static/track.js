/* leadloop: page views with time on page, and forms, for one's own web site. No dependency.
   <script async src="https://…/t/js"></script>
   data-consent="required"  sends and stores nothing before leadloop("consent", true)
   data-forms="off"         leaves forms alone
   Do Not Track and Global Privacy Control are obeyed: then no page view is sent and nothing is stored. */
(function (w, d, n) {
  "use strict";
  var script = d.currentScript;
  if (!script) return;
  var base = script.src.replace(/\/t\/js.*$/, "");
  var asks = script.getAttribute("data-consent") === "required";
  var left = n.doNotTrack === "1" || w.doNotTrack === "1" || n.globalPrivacyControl === true;
  var KEY = "leadloop_visitor", CONSENT = "leadloop_consent", DAY = 86400;

  function stored(key) {
    try { var kept = w.localStorage.getItem(key); if (kept) return kept; } catch (e) { /* no storage */ }
    var found = d.cookie.match(new RegExp("(?:^|; )" + key + "=([^;]*)"));
    return found ? found[1] : null;
  }
  function keep(key, value) {
    var age = value === null ? 0 : 365 * DAY;
    try {
      if (value === null) w.localStorage.removeItem(key); else w.localStorage.setItem(key, value);
    } catch (e) { /* no storage */ }
    d.cookie = key + "=" + (value || "") + "; path=/; max-age=" + age + "; samesite=lax" +
      (w.location.protocol === "https:" ? "; secure" : "");
  }
  function random() {
    var bytes = new Uint8Array(16), text = "";
    w.crypto.getRandomValues(bytes);
    for (var i = 0; i < 16; i++) text += (bytes[i] + 256).toString(16).slice(1);
    return text;
  }
  function may() { return !left && stored(CONSENT) !== "no" && (!asks || stored(CONSENT) === "yes"); }
  function visitor() {
    if (!may()) return null;
    var id = stored(KEY);
    if (!/^[0-9a-f]{32}$/.test(id || "")) id = random();
    keep(KEY, id);
    return id;
  }

  /* Time on page counts while the page is seen. A view is sent once, when the page is left or hidden. */
  var seen = 0, since = d.visibilityState === "visible" ? Date.now() : 0, path = w.location.pathname, told = false;
  function pause() { if (since) { seen += Date.now() - since; since = 0; } }
  function tell() {
    pause();
    var id = told ? null : visitor();
    if (!id) return;
    told = true;
    var body = JSON.stringify({
      visitor: id,
      visits: [{ id: random(), type: "page_viewed", properties: { path: path, seconds: Math.round(seen / 1000) } }]
    });
    if (!(n.sendBeacon && n.sendBeacon(base + "/t/v", body))) {
      w.fetch(base + "/t/v", { method: "POST", body: body, mode: "no-cors", keepalive: true });
    }
  }
  function turn() { /* pages that change without loading */
    if (w.location.pathname === path) return;
    tell();
    path = w.location.pathname; seen = 0; told = false; since = d.visibilityState === "visible" ? Date.now() : 0;
  }
  d.addEventListener("visibilitychange", function () {
    if (d.visibilityState === "hidden") tell(); else if (!since) since = Date.now();
  });
  w.addEventListener("pagehide", tell);
  w.addEventListener("popstate", turn);
  ["pushState", "replaceState"].forEach(function (name) {
    var old = w.history[name];
    w.history[name] = function () { var done = old.apply(this, arguments); turn(); return done; };
  });

  /* <form data-leadloop-form="whitepaper">: sent to leadloop too, when it is submitted; the page's own way of
     handling it goes on. Fields go by data-leadloop-field, else by their names. */
  function send(form) {
    var name = form.getAttribute("data-leadloop-form"), fields = new URLSearchParams();
    var marked = form.querySelector("[data-leadloop-field]");
    Array.prototype.forEach.call(form.elements, function (one) {
      var key = marked ? one.getAttribute("data-leadloop-field") : one.name;
      if (!key || one.disabled || /^(password|file|submit|button|image|reset)$/.test(one.type)) return;
      if (!marked && one.type === "hidden") return;
      if ((one.type === "checkbox" || one.type === "radio") && !one.checked) return;
      if (one.value) fields.append(key, one.value);
    });
    var id = visitor();
    if (id) fields.append("visitor", id);
    w.fetch(base + "/v1/forms/" + encodeURIComponent(name), {
      method: "POST", body: fields, mode: "no-cors", keepalive: true
    });
  }
  if (script.getAttribute("data-forms") !== "off") {
    d.addEventListener("submit", function (event) {
      var form = event.target;
      if (form && form.hasAttribute && form.hasAttribute("data-leadloop-form")) send(form);
    }, true);
  }

  function command(what, value) {
    if (what !== "consent") return;
    keep(CONSENT, value ? "yes" : "no");
    if (!value) keep(KEY, null);
  }
  var waiting = w.leadloop && w.leadloop.q || [];
  w.leadloop = command;
  waiting.forEach(function (one) { command.apply(null, one); });
})(window, document, navigator);
