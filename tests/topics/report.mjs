// Counts facts; prints those that do not hold.
export class Report {
  passed = 0;
  failed = 0;

  /** `fact` holds unless check() throws. */
  check(fact, check) {
    try {
      check();
      this.passed += 1;
    } catch (error) {
      this.failed += 1;
      console.log(`FAILED ${fact}: ${error.message}`);
    }
  }

  end() {
    console.log(`${this.passed} passed, ${this.failed} failed`);
    return this.failed === 0 ? 0 : 1;
  }
}

export function require(condition, message) {
  if (!condition) throw new Error(message);
}
