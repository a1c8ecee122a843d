// The box's clock as seen from here. A box may have no battery clock, and a
// wall tablet may be hours off: durations are counted on the box's clock.

const samplesKept = 30;
const stepped = 5000; // ms: more than any delay of a message; the clock was set

export class BoxClock {
  private offsets: number[] = [];

  // heard notes that a message stamped at boxTime has arrived now. A message
  // is late by its way and by its age, so the smallest difference is the best.
  heard(boxTime: number, now: number): void {
    const offset = now - boxTime;
    const last = this.offsets[this.offsets.length - 1];
    if (last !== undefined && Math.abs(offset - last) > stepped) this.offsets = [];
    this.offsets.push(offset);
    if (this.offsets.length > samplesKept) this.offsets.shift();
  }

  // at is the box's time at a moment of this machine's clock.
  at(now: number): number {
    return this.offsets.length === 0 ? now : now - Math.min(...this.offsets);
  }
}
