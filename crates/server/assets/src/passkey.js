// Passkeys (WebAuthn). A form says what it does:
// `data-passkey="sign-in|register"`, `data-start` and `data-finish` are addresses.
//
// POST start   {}                                 -> {"publicKey": {...}, "state": "..."}  (bytes as base64url)
// POST finish  {"state", "name", "credential"}     -> {"location": "/..."}
// Errors are problem+json; its `detail` is shown.

const toBytes = (text) =>
  Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));

const toText = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replace(/=+$/, "");

/** Server's options with the texts that stand for bytes turned into bytes. */
function readOptions(options) {
  const withBytes = (list) => list?.map((item) => ({ ...item, id: toBytes(item.id) }));
  return {
    ...options,
    challenge: toBytes(options.challenge),
    ...(options.user && { user: { ...options.user, id: toBytes(options.user.id) } }),
    ...(options.allowCredentials && { allowCredentials: withBytes(options.allowCredentials) }),
    ...(options.excludeCredentials && { excludeCredentials: withBytes(options.excludeCredentials) }),
  };
}

/** The credential as JSON, with bytes as base64url. */
function writeCredential(credential) {
  const response = {};
  for (const part of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (credential.response[part]) response[part] = toText(credential.response[part]);
  }
  if (credential.response.getTransports) response.transports = credential.response.getTransports();
  return {
    id: credential.id,
    rawId: toText(credential.rawId),
    type: credential.type,
    response,
    extensions: credential.getClientExtensionResults(),
  };
}

async function post(address, csrf, content) {
  const response = await fetch(address, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json", "x-csrf-token": csrf },
    body: JSON.stringify(content),
  });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(answer.detail || answer.title || `The server answered ${response.status}.`);
  return answer;
}

/** What to tell a person when the browser or the server refused. */
function explain(error) {
  switch (error.name) {
    case "NotAllowedError":
      return "Nothing was chosen, or it took too long. Try again.";
    case "InvalidStateError":
      return "This device already has a passkey for your account.";
    case "SecurityError":
      return "The address of this page does not fit the server’s passkey settings.";
    default:
      return error.message;
  }
}

async function run(form) {
  const csrf = form.querySelector("[name=_csrf]").value;
  const name = form.querySelector("[name=name]")?.value ?? "";
  const { publicKey, state } = await post(form.dataset.start, csrf, {});
  const options = { publicKey: readOptions(publicKey) };
  const credential =
    form.dataset.passkey === "register"
      ? await navigator.credentials.create(options)
      : await navigator.credentials.get(options);
  const { location: next } = await post(form.dataset.finish, csrf, { state, name, credential: writeCredential(credential) });
  location.assign(next);
}

if (window.PublicKeyCredential) {
  for (const note of document.querySelectorAll("[data-passkey-unavailable]")) note.hidden = true;
  for (const form of document.querySelectorAll("[data-passkey]")) {
    form.hidden = false;
    const button = form.querySelector("button[type=submit]");
    const problem = form.querySelector("[data-passkey-error]");
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      problem.textContent = "";
      button.setAttribute("aria-disabled", "true");
      try {
        await run(form);
      } catch (error) {
        problem.textContent = explain(error);
      } finally {
        button.removeAttribute("aria-disabled");
      }
    });
  }
}
