// An EventEmitter that knows when somebody begins or ceases to listen, so that the native side tells only what is heard.

import { EventEmitter } from "node:events";

// biome-ignore lint/suspicious/noExplicitAny: as in EventEmitter's own types.
type Listener = (...args: any[]) => void;

export abstract class HeardEmitter extends EventEmitter {
  /** The listeners are others than before. @internal */
  protected abstract _heard(): void;

  override on(event: string | symbol, listener: Listener): this {
    super.on(event, listener);
    this._heard();
    return this;
  }

  override addListener(event: string | symbol, listener: Listener): this {
    return this.on(event, listener);
  }

  override prependListener(event: string | symbol, listener: Listener): this {
    super.prependListener(event, listener);
    this._heard();
    return this;
  }

  override removeListener(event: string | symbol, listener: Listener): this {
    super.removeListener(event, listener);
    this._heard();
    return this;
  }

  override off(event: string | symbol, listener: Listener): this {
    return this.removeListener(event, listener);
  }

  override removeAllListeners(event?: string | symbol): this {
    // Node looks at how many arguments there are.
    if (event === undefined) super.removeAllListeners();
    else super.removeAllListeners(event);
    this._heard();
    return this;
  }
}
