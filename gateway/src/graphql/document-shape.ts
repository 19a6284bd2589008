import { Lexer, Source, TokenKind } from 'graphql'

/** Deeper than any document that is within the other limits, and far from where a call stack ends. */
const NESTING_MAX = 250
/** A chain of as many is followed from one to the next. */
const FRAGMENTS_MAX = 1_000

const OPENING: ReadonlySet<TokenKind> = new Set([TokenKind.BRACE_L, TokenKind.BRACKET_L, TokenKind.PAREN_L])
const CLOSING: ReadonlySet<TokenKind> = new Set([TokenKind.BRACE_R, TokenKind.BRACKET_R, TokenKind.PAREN_R])

/**
 * The library's parser and some of its rules call themselves for each level of brackets, and for each fragment within a
 * fragment: before they get to see a text, it is looked at word by word.
 * @returns what is wrong with it; undefined where the library says the rest, of a text that is none too
 */
export const shapeFault = (text: string, tokensMax: number): string | undefined => {
  const lexer = new Lexer(new Source(text))
  let depth = 0
  let fragments = 0
  try {
    for (let tokens = 0; tokens <= tokensMax; tokens += 1) {
      const { kind, value } = lexer.advance()
      if (kind === TokenKind.EOF) return undefined
      if (OPENING.has(kind)) depth += 1
      else if (CLOSING.has(kind)) depth -= 1
      else if (depth === 0 && kind === TokenKind.NAME && value === 'fragment') fragments += 1
      if (depth > NESTING_MAX) return `A document may have brackets ${NESTING_MAX} deep.`
      if (fragments > FRAGMENTS_MAX) return `A document may have ${FRAGMENTS_MAX} fragments.`
    }
    return undefined
  } catch {
    return undefined
  }
}
