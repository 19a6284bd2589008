import { dictionary } from '@zxcvbn-ts/language-common'

/** Shorter ones are refused for their length. */
const LENGTH_MIN = 8

/** The list that is kept for zxcvbn, of what people have chosen most often: whoever guesses begins with these. */
const COMMON: ReadonlySet<string> = new Set(
  dictionary['passwords-common'].map(folded).filter((password) => password.length >= LENGTH_MIN),
)

/** Whether it is one of the most common ones, in whatever case. */
export const isCommonPassword = (password: string): boolean => COMMON.has(folded(password))

function folded(password: string): string {
  return password.normalize('NFKC').toLowerCase()
}
