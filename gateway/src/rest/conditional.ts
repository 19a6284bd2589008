/** Whether an If-None-Match names an entity tag (RFC 9110, 13.1.2: weakly compared). */
export const noneMatch = (header: string | undefined, etag: string): boolean => {
  if (header === undefined) return true
  if (header.trim() === '*') return false
  return !header.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag)
}
