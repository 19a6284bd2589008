import type { VotestreamError } from '@votestream/schema/errors'

/**
 * When to come again and why, in an answer's header: `Retry-After`, and `RateLimit` and `RateLimit-Policy` as structured
 * fields (draft-ietf-httpapi-ratelimit-headers-11). A policy is so many requests in each window of whole seconds; what may
 * come at once beside that is told in a parameter of our own.
 *
 * They stand in refusals alone: the draft leaves that to the server, a vote's answer is not to pay for them, and an answer
 * that caches keep is not to tell one client what is left for another one.
 */
export const comeAgainFields = ({
  retryAfterSeconds,
  limit,
}: Pick<VotestreamError, 'retryAfterSeconds' | 'limit'>): Record<string, string> => {
  if (retryAfterSeconds === undefined) return {}
  const retryAfter = { 'retry-after': String(retryAfterSeconds) }
  if (!limit) return retryAfter
  const { policy, perSecond, burst, remaining } = limit
  const windowSeconds = Math.max(1, Math.ceil(1 / perSecond))
  const quota = Math.floor(perSecond * windowSeconds)
  return {
    ...retryAfter,
    'ratelimit-policy': `"${policy}";q=${quota};w=${windowSeconds};votestream-burst=${Math.floor(burst)}`,
    ratelimit: `"${policy}";r=${Math.floor(remaining)};t=${retryAfterSeconds}`,
  }
}
