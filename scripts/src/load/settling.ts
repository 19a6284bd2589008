/** A promise that somebody else settles, the first time counts. A rejection that nobody waits for is nobody's fault. */
export const settling = <Value>() => {
  let resolve: (value: Value) => void = () => undefined
  let reject: (error: Error) => void = () => undefined
  const promise = new Promise<Value>((onValue, onError) => {
    resolve = onValue
    reject = onError
  })
  promise.catch(() => undefined)
  return { promise, resolve, reject }
}
