import { isCommonPassword } from './common-passwords.js'

/**
 * What texts from clients must look like, whichever interface they come through. Lengths are in characters
 * (code points), as JSON Schema counts them.
 */
export interface TextField {
  readonly minLength: number
  readonly maxLength: number
  /** Completes "the field …". */
  readonly rule: string
  /** Whether a text of a permitted length is such a text. */
  readonly holds: (text: string) => boolean
}

/** Lone surrogates have no UTF-8 form: two different ones would be stored as the same text. */
const ILL_FORMED = /\p{Cs}/u
const CONTROL = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u
/** Also what cannot be seen, what is not assigned, and separators of lines: names must not look alike. */
const INVISIBLE = /[\p{C}\p{DI}\p{Zl}\p{Zp}]/u
/** Something to see: neither blank nor a mere joiner, filler or mark of direction. */
const VISIBLE = /[^\s\p{C}\p{DI}\u2800]/u
const EMAIL =
  /^(?=[^@]{1,64}@)[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])$/i
const WEB_ADDRESS = /^https?:\/\/[^\s\p{C}]+$/iu
const DATE = /^(\d{4})-(\d{2})-(\d{2})$/
const DATE_TIME = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/i

const wellFormed = (text: string): boolean => !ILL_FORMED.test(text)
const blank = (text: string): boolean => !VISIBLE.test(text)
const name: TextField = {
  minLength: 1,
  maxLength: 200,
  rule: 'must not be blank or hold control characters',
  holds: (text) => !blank(text) && !CONTROL.test(text),
}

export const TEXT_FIELDS = {
  username: {
    minLength: 3,
    maxLength: 64,
    rule: 'must not begin or end with a blank or hold invisible characters',
    holds: (text) => text === text.trim() && !INVISIBLE.test(text),
  },
  /** As given at a login: what cannot be a username is simply not found. */
  'any-username': { minLength: 1, maxLength: 64, rule: 'must be Unicode text', holds: wellFormed },
  password: {
    minLength: 8,
    maxLength: 256,
    rule: 'must be Unicode text, and none of the most common passwords',
    holds: (text) => wellFormed(text) && !isCommonPassword(text),
  },
  'any-password': { minLength: 1, maxLength: 256, rule: 'must be Unicode text', holds: wellFormed },
  email: {
    minLength: 3,
    maxLength: 254,
    rule: 'must be an email address',
    holds: (text) => EMAIL.test(text),
  },
  'date-of-birth': {
    minLength: 10,
    maxLength: 10,
    rule: 'must be a date in the past, not before 1900, as YYYY-MM-DD',
    holds: (text) => isPastDate(text, Date.now()),
  },
  'event-name': name,
  'contestant-name': name,
  description: {
    minLength: 1,
    maxLength: 2_000,
    rule: 'must not be blank',
    holds: (text) => !blank(text) && wellFormed(text),
  },
  'image-url': {
    minLength: 1,
    maxLength: 2_048,
    rule: 'must be an http or https URL',
    holds: (text) => WEB_ADDRESS.test(text) && URL.canParse(text),
  },
  'client-timestamp': {
    minLength: 20,
    maxLength: 35,
    rule: 'must be an RFC 3339 date and time with offset, from 1970 to 2199',
    holds: (text) => parseDateTime(text) !== undefined,
  },
  'device-id': { ...name, maxLength: 200 },
  'app-version': { ...name, maxLength: 100 },
} as const satisfies Record<string, TextField>

export type TextFieldName = keyof typeof TEXT_FIELDS

/** What is wrong with a text, or undefined. Completes "the field …". */
export const textFault = (field: TextFieldName, text: string): string | undefined => {
  const { minLength, maxLength, rule, holds } = TEXT_FIELDS[field]
  // A text has at most as many characters as UTF-16 units, so most need no counting.
  const length = text.length > maxLength ? [...text.slice(0, 2 * maxLength + 2)].length : text.length
  if (length < minLength) return lengthFault(minLength, 'least')
  if (length > maxLength) return lengthFault(maxLength, 'most')
  return holds(text) ? undefined : rule
}

/** The sentence for a text that is too short or too long. */
export const lengthFault = (limit: number, side: 'least' | 'most'): string =>
  limit === 1 && side === 'least' ? 'must not be empty' : `must have at ${side} ${limit} characters`

/** Whether it is a day of the calendar, from 1900 to the day before this one (UTC). */
export const isPastDate = (text: string, nowMs: number): boolean =>
  isCalendarDay(text) && text >= '1900-01-01' && text < new Date(nowMs).toISOString().slice(0, 10)

const isCalendarDay = (text: string): boolean => {
  const match = DATE.exec(text)
  if (!match) return false
  const [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])]
  return day >= 1 && day <= daysInMonth(year, month)
}

const MONTH_DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

const daysInMonth = (year: number, month: number): number => {
  const isLeapYear = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
  return month === 2 && isLeapYear ? 29 : (MONTH_DAYS[month - 1] ?? 0)
}

const FIRST_MS = Date.UTC(1970, 0, 1)
const END_MS = Date.UTC(2200, 0, 1)

/** Milliseconds since 1970 of an RFC 3339 date and time with offset, from 1970 to 2199. */
export const parseDateTime = (text: string): number | undefined => {
  const match = DATE_TIME.exec(text)
  if (!match) return undefined
  const [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])]
  const [hours, minutes, seconds] = [Number(match[4]), Number(match[5]), Number(match[6])]
  if (day < 1 || day > daysInMonth(year, month) || hours > 23 || minutes > 59 || seconds > 59)
    return undefined
  const offsetMs = parseOffset(match[8] ?? '')
  if (offsetMs === undefined) return undefined
  const fractionMs = match[7] === undefined ? 0 : Math.floor(Number(match[7]) * 1_000)
  const ms = Date.UTC(year, month - 1, day, hours, minutes, seconds) + fractionMs - offsetMs
  return ms >= FIRST_MS && ms < END_MS ? ms : undefined
}

const parseOffset = (offset: string): number | undefined => {
  if (offset === 'Z' || offset === 'z') return 0
  const hours = Number(offset.slice(1, 3))
  const minutes = Number(offset.slice(4, 6))
  if (hours > 23 || minutes > 59) return undefined
  return (offset.startsWith('-') ? -1 : 1) * (hours * 60 + minutes) * 60_000
}

/** The index of the first name that stands earlier in the list, too. */
export const repeatedName = (names: readonly string[]): number | undefined => {
  const seen = new Set<string>()
  for (const [index, each] of names.entries()) {
    // Two names that look the same are the same: what has no width of its own does not tell them apart.
    const folded = each
      .normalize('NFC')
      .replace(/\p{Default_Ignorable_Code_Point}/gu, '')
      .trim()
    if (seen.has(folded)) return index
    seen.add(folded)
  }
  return undefined
}
