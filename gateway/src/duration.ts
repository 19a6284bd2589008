const UNIT_SECONDS: Readonly<Record<string, number>> = { '': 1, s: 1, m: 60, h: 3_600, d: 86_400 }
const LONGEST_SECONDS = 10 * 366 * 86_400

/** `90`, `90s`, `30m`, `24h` or `7d` in seconds; undefined for anything else, and for more than ten years. */
export const parseDuration = (text: string): number | undefined => {
  const match = /^(\d{1,9})\s*([smhd]?)$/.exec(text.trim())
  if (!match) return undefined
  const seconds = Number(match[1]) * (UNIT_SECONDS[match[2] ?? ''] ?? 0)
  return seconds > 0 && seconds <= LONGEST_SECONDS ? seconds : undefined
}
