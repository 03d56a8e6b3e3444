/** Says why a container cannot be started yet, in the words that its waiting state shows; it is tried again. */
export class NotStartable extends Error {
  override name = "NotStartable";
  readonly reason: string;

  constructor(reason: string, message: string) {
    super(message);
    this.reason = reason;
  }
}
