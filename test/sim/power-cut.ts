/** Thrown where the process dies inside a call. Nothing of the product may catch it and go on. */
export class PowerCut extends Error {
  constructor() {
    super("the process died here");
    this.name = "PowerCut";
  }
}
