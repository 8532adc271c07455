// The rooms of the soak test, and its chance.

/** Rooms that get bursts of all events. */
export const ROOMS = Array.from({ length: 20 }, (_, i) => `logs:service-${i}`);
/** Gets far more than a slow reader can take, while somebody is there. */
export const FLOOD = "logs:flood";

export const pick = (items) => items[Math.floor(Math.random() * items.length)];
export const between = (low, high) => low + Math.random() * (high - low);
export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
