// The time scale that all bars of the list share: logarithmic, so that 200 ms and 5 s can both be read, or linear.

const FIRST_MS = 10;
const STEPS = [1000, 2000, 5000, 10_000, 20_000, 30_000, 60_000, 120_000, 300_000, 600_000, 1_800_000, 3_600_000];

export class TimeScale {
  constructor() {
    this.log = localStorage.getItem("scale") !== "linear";
    this.lastMs = 5000;
  }

  // Make room for a lifetime; true if the scale changed.
  include(ms) {
    if (ms <= this.lastMs) return false;
    this.lastMs = STEPS.find((step) => step >= ms) || STEPS.at(-1);
    return true;
  }

  toggle() {
    this.log = !this.log;
    localStorage.setItem("scale", this.log ? "log" : "linear");
  }

  // The place of a time on the scale, from 0 to 1.
  position(ms) {
    const at = this.log ? Math.log(Math.max(ms, FIRST_MS) / FIRST_MS) / Math.log(this.lastMs / FIRST_MS) : ms / this.lastMs;
    return Math.min(Math.max(at, 0), 1);
  }

  ticks() {
    if (this.log) return [10, 100, 1000, 10_000, 100_000].filter((ms) => ms <= this.lastMs * 0.7).concat(this.lastMs);
    return [0, 0.25, 0.5, 0.75, 1].map((share) => share * this.lastMs);
  }
}
