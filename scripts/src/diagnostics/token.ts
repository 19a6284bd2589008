import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { Environment } from '../environment.js'
import { randomText, replaceSecretFile } from '../secrets.js'

const fileSchema = z.strictObject({ token: z.string().min(32) })

export const diagnosticsTokenFile = (dataDir: string): string => join(dataDir, 'diagnostics-token.json')

/**
 * What services are asked for before they show profiles; made once for this data folder. In production nothing is made:
 * whoever wants it sets it.
 */
export const ensureDiagnosticsToken = async (environment: Environment): Promise<string | undefined> => {
  const known = await diagnosticsToken(environment)
  if (known !== undefined || environment.NODE_ENV === 'production') return known
  const token = randomText(TOKEN_BYTES)
  await replaceSecretFile(diagnosticsTokenFile(environment.DATA_DIR), { token })
  return token
}

const TOKEN_BYTES = 32

/** The one that the environment names, or that a start has made. @throws Error when the file cannot be used. */
export const diagnosticsToken = async ({
  DIAGNOSTICS_TOKEN: given,
  DATA_DIR: dataDir,
}: Environment): Promise<string | undefined> => {
  if (given !== undefined) return given
  const file = diagnosticsTokenFile(dataDir)
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
  try {
    return fileSchema.parse(JSON.parse(text)).token
  } catch (cause) {
    throw new Error(`${file} cannot be read; remove it, and the next start makes a new token.`, { cause })
  }
}
