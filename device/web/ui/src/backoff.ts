// Backoff gives the waits between attempts: they double up to a limit, with
// jitter so that a room of tablets does not come back in one instant.
export class Backoff {
  private attempts = 0;

  constructor(
    private readonly first: number,
    private readonly limit: number,
    private readonly random: () => number = Math.random,
  ) {}

  next(): number {
    const wait = Math.min(this.limit, this.first * 2 ** this.attempts);
    this.attempts = Math.min(this.attempts + 1, 16);
    return wait * (0.75 + 0.5 * this.random());
  }

  reset(): void {
    this.attempts = 0;
  }
}
