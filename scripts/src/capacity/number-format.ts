const DECIMAL = ['', 'k', 'M', 'G', 'T', 'P']
const BINARY = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi']

/** `250,000` */
export const digits = (value: number): string => value.toLocaleString('en-US')

/** `2.00` @param value of a multiple: cut, never rounded up to what it does not reach */
export const multiple = (value: number): string => (Math.floor(value * 100 + 1e-9) / 100).toFixed(2)

/** With three digits that count, a prefix where the unit takes one: `1.50 GiB`, `65.6 Gbit/s`, `28.2 µs`. */
export const amount = (value: number, unit: string): string => {
  if (unit === 'bytes') return prefixed(value, 1024, BINARY, 'B', 'bytes')
  if (unit === 'bit/s') return prefixed(value, 1000, DECIMAL, unit, unit)
  if (Number.isInteger(value)) return `${digits(value)} ${unit}`
  return `${value >= 1000 ? digits(Math.round(value)) : Number(value.toPrecision(3))} ${unit}`
}

const prefixed = (
  value: number,
  step: number,
  prefixes: readonly string[],
  unit: string,
  bare: string,
): string => {
  let rest = value
  let at = 0
  for (; rest >= step && at < prefixes.length - 1; at += 1) rest /= step
  const number = at > 0 && rest >= 1000 ? String(Math.round(rest)) : String(Number(rest.toPrecision(3)))
  return `${number} ${at === 0 ? bare : `${prefixes[at]}${unit}`}`
}
