/** Events that a person made in this tab: the service says nowhere else whose they are. */
const keyOf = (userId: string) => `votestream.made.${userId}`
const REMEMBERED_MAX = 50

const read = (storage: Storage, userId: string): string[] => {
  try {
    const kept: unknown = JSON.parse(storage.getItem(keyOf(userId)) ?? '[]')
    return Array.isArray(kept) ? kept.filter((id) => typeof id === 'string') : []
  } catch {
    return []
  }
}

export const madeHere = (storage: Storage, userId: string, eventId: string): boolean =>
  read(storage, userId).includes(eventId)

export const rememberMade = (storage: Storage, userId: string, eventId: string): void => {
  const ids = [...read(storage, userId), eventId].slice(-REMEMBERED_MAX)
  storage.setItem(keyOf(userId), JSON.stringify(ids))
}
