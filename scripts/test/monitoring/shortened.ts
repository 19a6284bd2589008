const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 }

const shortened = (count: string, unit: string, leastSeconds: number): string =>
  `${Math.max(leastSeconds, Math.round((Number(count) * (SECONDS[unit] ?? 1)) / 60))}s`

/**
 * The same rules in a sixtieth of the time: every window (`[1h]`), and how long something must hold and how often it is
 * looked at (`for`, `interval`). A window is 5 s at least, so that a scrape a second gives a rate. Names and everything
 * else stay.
 */
export const shortenedRules = (text: string): string =>
  text
    .replace(/\[(\d+)([smhd])\]/g, (_, count: string, unit: string) => `[${shortened(count, unit, 5)}]`)
    .replace(
      /^(\s*(?:for|interval): )(\d+)([smhd])$/gm,
      (_, key: string, count: string, unit: string) => `${key}${shortened(count, unit, 1)}`,
    )

/** Alertmanager's waits, in a sixtieth of the time. */
export const shortenedWaits = (text: string): string =>
  text.replace(
    /^(\s*(?:group_wait|group_interval|repeat_interval): )(\d+)([smhd])$/gm,
    (_, key: string, count: string, unit: string) => `${key}${shortened(count, unit, 1)}`,
  )
