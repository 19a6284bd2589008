/** What a look at a connection showed. */
interface Look {
  /** Never goes back; milliseconds. */
  readonly atMs: number
  /** Whether anything came from the server since the look before. */
  readonly heard: boolean
  readonly connected: boolean
}

/** How often a connection is looked at. */
export const LOOK_EVERY_MS = 250
/**
 * A server that says nothing for so long though it is asked is not there, or not on this connection. Longer than
 * a sync of a slow disk; short enough that a lease, which lasts three seconds, survives the new connection.
 */
export const SILENT_MAX_MS = 1_500

export interface Silence {
  /** @returns whether the connection is to be left for a new one. */
  look(look: Look): boolean
}

export const createSilence = (): Silence => {
  let silentSinceMs: number | undefined
  let lookedAtMs = Number.NEGATIVE_INFINITY
  return {
    look({ atMs, heard, connected }) {
      // Whoever stood still itself has not read yet what came meanwhile.
      const stoodStill = atMs - lookedAtMs > 2 * LOOK_EVERY_MS
      lookedAtMs = atMs
      if (heard || !connected || stoodStill || silentSinceMs === undefined) {
        silentSinceMs = atMs
        return false
      }
      if (atMs - silentSinceMs < SILENT_MAX_MS) return false
      silentSinceMs = atMs
      return true
    },
  }
}
