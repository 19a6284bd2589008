/** A server's answer, or an error that names who does not answer. */
export const within = async <Value>(waitMs: number, who: string, answer: Promise<Value>): Promise<Value> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${who} does not answer`)), waitMs)
  })
  return Promise.race([answer, late]).finally(() => clearTimeout(timer))
}
