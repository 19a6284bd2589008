const numbers = new Intl.NumberFormat('en')
const rates = new Intl.NumberFormat('en', { minimumFractionDigits: 1, maximumFractionDigits: 1 })
const shares = new Intl.NumberFormat('en', {
  style: 'percent',
  minimumFractionDigits: 1,
  maximumFractionDigits: 1,
})

export const wholeNumber = (value: number): string => numbers.format(value)
export const rateNumber = (value: number): string =>
  value >= 100 ? numbers.format(Math.round(value)) : rates.format(value)
/** From a share between 0 and 1. */
export const percentage = (share: number): string => shares.format(share)

export const votesCount = (votes: number): string => (votes === 1 ? '1 vote' : `${wholeNumber(votes)} votes`)

/** A length of time in the largest unit that says enough: `8 s`, `3 min`, `2 h`, `5 days`. */
export const duration = (ms: number): string => {
  const seconds = Math.max(0, Math.round(ms / 1_000))
  if (seconds < 100) return `${seconds} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 100) return `${minutes} min`
  const hours = Math.round(minutes / 60)
  if (hours < 48) return `${hours} h`
  return `${Math.round(hours / 24)} days`
}

const sameDay = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' })
const otherDay = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
})

export const moment = (at: Date, now: Date): string =>
  (at.toDateString() === now.toDateString() ? sameDay : otherDay).format(at)

/** At most two letters that stand for a name. */
export const initials = (name: string): string => {
  const words = name
    .replace(/^(the|a|an)\s+/i, '')
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== '')
  const [first = '?', ...others] = words
  const last = others.at(-1) ?? ''
  return `${[...first][0] ?? '?'}${[...last][0] ?? ''}`.toUpperCase()
}

/** A hue that is always the same for a name, from teal over blue to rose: they go with the accent. */
export const hueOf = (name: string): number => {
  let hash = 0
  for (const character of name) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) % 360_007
  return 165 + (hash % 180)
}
