/** Sent though the page ends in this moment. Nobody waits for an answer, and what cannot be sent is gone. */
export const sendBeacon = (path: string, body: string): void => {
  navigator.sendBeacon(path, new Blob([body], { type: 'application/json' }))
}
