import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { pathToFileURL } from "node:url";

/** One piece of text of a page, where the browser put it, in CSS pixels. */
export interface PlacedText {
  readonly text: string;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** A page as a browser without scripts shows it. */
export interface ShownPage {
  readonly title: string;
  /** What has a place on the page, in the document's order. */
  readonly texts: readonly PlacedText[];
  /** Names of elements, upper-case as the browser has them. */
  readonly elements: readonly string[];
  /** Everything that the page asked for, itself among it. */
  readonly requested: readonly string[];
}

interface Answer {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly message: string };
}

/** The part of DOMSnapshot.captureSnapshot that is read: chromedevtools.github.io/devtools-protocol. */
interface Snapshot {
  readonly strings: readonly string[];
  readonly documents: readonly {
    readonly title: number;
    readonly nodes: { readonly nodeName: readonly number[]; readonly nodeType: readonly number[] };
    readonly layout: { readonly text: readonly number[]; readonly bounds: readonly (readonly number[])[] };
  }[];
}

/** Some ten times what a browser takes to close here. */
const CLOSE_DEADLINE_MS = 5000;
/** Node.ELEMENT_NODE of the DOM standard. */
const ELEMENT_NODE = 1;

/** Loads a file in a real browser with scripts switched off, and tells what it shows. */
export async function showPage(path: string): Promise<ShownPage> {
  const profile = mkdtempSync(join(tmpdir(), "bulkhead-browser-"));
  const browser = new Browser(profile);
  try {
    return await browser.show(pathToFileURL(path).href);
  } finally {
    await browser.close();
    // Its other processes write there until they notice.
    rmSync(profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }
}

/** Speaks the DevTools protocol over the browser's fds 3 and 4: JSON, each message ended by a zero byte. */
class Browser {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  readonly #events: Answer[] = [];
  #onEvent: (() => void) | null = null;
  #number = 0;

  constructor(profile: string) {
    const flags = ["--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", `--user-data-dir=${profile}`, "about:blank"];
    this.#child = spawn("chromium-headless-shell", flags, { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
    let text = "";
    (this.#child.stdio[4] as Readable).setEncoding("utf8").on("data", (piece: string) => {
      const messages = (text + piece).split("\0");
      text = messages.pop() ?? "";
      for (const message of messages) this.#take(JSON.parse(message) as Answer);
    });
  }

  async show(url: string): Promise<ShownPage> {
    const { targetId } = await this.#ask("Target.createTarget", { url: "about:blank" });
    const { sessionId } = await this.#ask("Target.attachToTarget", { targetId, flatten: true });
    const ask = (method: string, params: object = {}) => this.#ask(method, params, String(sessionId));
    await ask("Emulation.setScriptExecutionDisabled", { value: true });
    for (const domain of ["Page", "Network"]) await ask(`${domain}.enable`);
    await ask("Page.navigate", { url });
    await this.#until("Page.loadEventFired");
    const snapshot = (await ask("DOMSnapshot.captureSnapshot", { computedStyles: [] })) as unknown as Snapshot;
    const requested = this.#paramsOf("Network.requestWillBeSent").map(({ request }) => (request as { url: string }).url);
    return { ...describe(snapshot), requested };
  }

  /** In order: killed, it would leave processes of its own that go on writing to its profile. */
  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once("exit", resolve));
    const impatience = setTimeout(() => this.#child.kill("SIGKILL"), CLOSE_DEADLINE_MS);
    await this.#ask("Browser.close", {});
    await ended;
    clearTimeout(impatience);
    // Processes of its own hold the other ends for a moment longer.
    for (const stream of this.#child.stdio) stream?.destroy();
  }

  #paramsOf(method: string): Readonly<Record<string, unknown>>[] {
    return this.#events.filter((event) => event.method === method).map(({ params }) => params ?? {});
  }

  #take(answer: Answer): void {
    if (answer.id === undefined) {
      this.#events.push(answer);
      this.#onEvent?.();
      return;
    }
    this.#waiting.get(answer.id)?.(answer);
    this.#waiting.delete(answer.id);
  }

  async #ask(method: string, params: object, sessionId?: string): Promise<Readonly<Record<string, unknown>>> {
    const id = ++this.#number;
    const answered = new Promise<Answer>((resolve) => this.#waiting.set(id, resolve));
    (this.#child.stdio[3] as Writable).write(`${JSON.stringify({ id, method, params, ...(sessionId ? { sessionId } : {}) })}\0`);
    const { result, error } = await answered;
    if (error !== undefined) throw new Error(`${method}: ${error.message}`);
    return result ?? {};
  }

  async #until(method: string): Promise<void> {
    while (this.#paramsOf(method).length === 0) {
      await new Promise<void>((resolve) => {
        this.#onEvent = resolve;
      });
    }
  }
}

function describe({ strings, documents }: Snapshot): Omit<ShownPage, "requested"> {
  const [page] = documents;
  if (page === undefined) throw new Error("the browser shows no document");
  const { nodes, layout } = page;
  const texts = layout.text.flatMap((place, index): PlacedText[] => {
    const [x = 0, y = 0, width = 0, height = 0] = layout.bounds[index] ?? [];
    return place < 0 ? [] : [{ text: strings[place] ?? "", x, y, width, height }];
  });
  const elements = nodes.nodeName.filter((_, index) => nodes.nodeType[index] === ELEMENT_NODE).map((name) => strings[name] ?? "");
  return { title: strings[page.title] ?? "", texts, elements };
}
