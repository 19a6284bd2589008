/** Somebody who may vote, as `npm run -s token -- --voters N` prints them. */
export interface Voter {
  readonly userId: string
  readonly token: string
}

/** One line of JSON each; empty lines do not count. @throws Error that names the first bad line. */
export const parseVoters = (text: string): Voter[] => {
  const voters: Voter[] = []
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue
    const voter = parseVoter(line)
    if (!voter) throw new Error(`line ${index + 1} of the voters is not {"user_id","token"}`)
    voters.push(voter)
  }
  return voters
}

const parseVoter = (line: string): Voter | null => {
  try {
    const { user_id: userId, token } = JSON.parse(line) as { user_id?: unknown; token?: unknown }
    return typeof userId === 'string' && typeof token === 'string' ? { userId, token } : null
  } catch {
    return null
  }
}
