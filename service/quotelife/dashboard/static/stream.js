// The service's events. A browser gives up where the answer is an error, as during a restart; this does not.

const RETRY_MS = [500, 1000, 2000, 5000];
let source = null, timer = 0, failures = 0, symbol = null;

// `handlers` by the name of the event; `onLost` and `onOpen` tell whether the service is heard.
export function connect(instrument, handlers, onOpen, onLost) {
  symbol = instrument;
  clearTimeout(timer);
  if (source) source.close();
  const own = new EventSource(`/desk/events${symbol ? `?instrument=${encodeURIComponent(symbol)}` : ""}`);
  source = own;
  for (const [event, handle] of Object.entries(handlers)) {
    own.addEventListener(event, (message) => own === source && handle(JSON.parse(message.data)));
  }
  own.onopen = () => {
    failures = 0;
    onOpen();
  };
  own.onerror = () => {
    if (own !== source) return;
    onLost();
    own.close(); // an instrument that is gone would be asked for again and again
    const wait = RETRY_MS[Math.min(failures++, RETRY_MS.length - 1)];
    timer = setTimeout(() => connect(failures > 2 ? null : symbol, handlers, onOpen, onLost), wait);
  };
}

// A document of the service; raises Error with the service's own words.
export async function read(path, signal) {
  const answer = await fetch(path, { signal, headers: { Accept: "application/json" } });
  const document = await answer.json().catch(() => null);
  if (!answer.ok) throw new Error((document && (document.detail || document.title)) || `${answer.status} ${answer.statusText}`);
  return document;
}
