/**
 * The name that an object of a JSON text has twice; undefined: none. Readers of JSON disagree on which of two counts, so
 * that what one of them checked another one may carry out.
 * @param text valid JSON, that gave the value
 */
export const repeatedKey = (text: string, value: unknown): string | undefined =>
  // Whatever is there twice was parsed once. For a vote this takes 1 µs; to look at every name takes several.
  keysWritten(text) === keysOf(value) ? undefined : findRepeated(text)

/** How many names an object and what is within it have. It may be deeper than functions may call themselves. */
const keysOf = (value: unknown): number => {
  let count = 0
  const within: unknown[] = [value]
  while (within.length > 0) {
    const next = within.pop()
    if (typeof next !== 'object' || next === null) continue
    if (Array.isArray(next)) {
      for (const item of next) if (typeof item === 'object') within.push(item)
      continue
    }
    for (const name in next) {
      count += 1
      const item = (next as Record<string, unknown>)[name]
      if (typeof item === 'object') within.push(item)
    }
  }
  return count
}

const QUOTE = '"'
const BACKSLASH = 0x5c
const COLON = 0x3a
const BLANK = 0x20

/** Where the text that begins at a quote ends: at its second quote. */
const endOfText = (json: string, from: number): number => {
  let end = json.indexOf(QUOTE, from + 1)
  while (isEscaped(json, end)) end = json.indexOf(QUOTE, end + 1)
  return end
}

const isEscaped = (json: string, at: number): boolean => {
  let before = at - 1
  while (json.charCodeAt(before) === BACKSLASH) before -= 1
  return (at - before) % 2 === 0
}

/** A text is a name where a colon follows. */
const isName = (json: string, end: number): boolean => {
  let next = end + 1
  while (json.charCodeAt(next) <= BLANK) next += 1
  return json.charCodeAt(next) === COLON
}

const keysWritten = (json: string): number => {
  let count = 0
  let at = json.indexOf(QUOTE)
  while (at !== -1) {
    const end = endOfText(json, at)
    if (isName(json, end)) count += 1
    at = json.indexOf(QUOTE, end + 1)
  }
  return count
}

const findRepeated = (json: string): string | undefined => {
  const open: Set<string>[] = []
  for (let at = 0; at < json.length; at += 1) {
    const sign = json[at]
    if (sign === '{') open.push(new Set())
    else if (sign === '}') open.pop()
    else if (sign === QUOTE) {
      const end = endOfText(json, at)
      if (isName(json, end)) {
        const name = JSON.parse(json.slice(at, end + 1)) as string
        const names = open.at(-1)
        if (names?.has(name)) return name
        names?.add(name)
      }
      at = end
    }
  }
  return undefined
}
