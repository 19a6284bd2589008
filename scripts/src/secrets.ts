import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { open, readFile, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { z } from 'zod'

const secretsSchema = z.strictObject({
  jwtSecret: z.string().min(32),
  /** Verifies tokens, and signs none: the secret before the last exchange. */
  otherJwtSecret: z.string().min(32).optional(),
  /** When that was, milliseconds since 1970. */
  jwtExchangedAtMs: z.number().optional(),
  idSecret: z.string().min(32),
  adminUsername: z.string().min(3),
  adminPassword: z.string().min(8),
  clickHousePassword: z.string().min(8),
  analystPassword: z.string().min(8),
  /** Which ID_SECRET this data was made with, also where that one came from the environment. */
  idSecretSha256: z.string(),
  /** The admin's login is printed once: by the first start that gets as far as its table of addresses. */
  adminLoginShown: z.boolean(),
})

export type Secrets = z.infer<typeof secretsSchema>

export function secretsFile(dataDir: string): string {
  return join(dataDir, 'secrets.json')
}

/** What was made at the first start; undefined before it. Throws when the file is there and cannot be used. */
export async function readSecrets(dataDir: string): Promise<Secrets | undefined> {
  const file = secretsFile(dataDir)
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
  try {
    return secretsSchema.parse(JSON.parse(text))
  } catch (cause) {
    // Made anew, the ids and tokens that are out in the world would all be void: that is a person's decision.
    throw new Error(`${file} cannot be read; restore it from a backup.`, { cause })
  }
}

/**
 * The secrets of this data folder, made when there are none. They are on the disk, under their name, before
 * this returns: nothing can have been signed or encrypted with a secret that a crash takes away.
 */
export async function ensureSecrets(dataDir: string, given: { idSecret?: string } = {}): Promise<Secrets> {
  const kept = await readSecrets(dataDir)
  if (kept !== undefined) return kept
  const idSecret = randomText(32)
  const made: Secrets = {
    jwtSecret: randomText(32),
    idSecret,
    idSecretSha256: sha256(given.idSecret ?? idSecret),
    adminUsername: 'admin',
    adminPassword: randomText(15),
    clickHousePassword: randomText(24),
    analystPassword: randomText(15),
    adminLoginShown: false,
  }
  await writeSecrets(dataDir, made)
  return made
}

/** Another ID_SECRET would make every id that is out in the world a wrong one: nothing may start with it. */
export function checkIdSecret(secrets: Secrets, idSecret: string): void {
  if (sha256(idSecret) === secrets.idSecretSha256) return
  throw new Error(
    'ID_SECRET is not the one that this data was made with; it never changes: set that one again.',
  )
}

export async function writeSecrets(dataDir: string, secrets: Secrets): Promise<void> {
  await replaceSecretFile(secretsFile(dataDir), secrets)
}

/**
 * Writes a file that is for its owner alone.
 *
 * 1. A new file of mode 600 is written and synced. A crash here leaves the old secrets, or none, in force.
 * 2. It takes the name. A crash here leaves either the old or the new file, whole.
 * 3. The folder is synced, so that the name survives a power cut.
 */
export async function replaceSecretFile(file: string, secrets: unknown): Promise<void> {
  mkdirSync(dirname(file), { recursive: true })
  const temporary = `${file}.${process.pid}.new`
  const handle = await open(temporary, 'w', 0o600)
  try {
    // A leftover of an earlier crash may have had another mode.
    await handle.chmod(0o600)
    await handle.writeFile(`${JSON.stringify(secrets, undefined, 2)}\n`)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(temporary, file)
  const folder = await open(dirname(file), 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

export function randomText(bytes: number): string {
  return randomBytes(bytes).toString('base64url')
}
