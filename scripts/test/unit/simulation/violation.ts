/** A promise was broken. */
export class ViolationError extends Error {
  override readonly name = 'ViolationError'
}

export const violated = (promise: string): never => {
  throw new ViolationError(promise)
}
