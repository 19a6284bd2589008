import { useEffect, useRef, useState } from 'preact/hooks'
import { LOGIN } from '../api/documents.js'
import { useServices } from '../services.js'
import { useWatched } from '../state.js'
import { CrossIcon } from './icons.js'
import { Notice } from './notice.js'

export const SignInDialog = () => {
  const { graph, session, signInOpen } = useServices()
  const open = useWatched(signInOpen)
  const dialog = useRef<HTMLDialogElement>(null)
  const [busy, setBusy] = useState(false)
  const [sentence, setSentence] = useState<string>()
  useEffect(() => {
    if (open) dialog.current?.showModal()
    else dialog.current?.close()
    setSentence(undefined)
  }, [open])

  const signIn = async (form: HTMLFormElement) => {
    const fields = new FormData(form)
    const username = String(fields.get('username') ?? '').trim()
    const password = String(fields.get('password') ?? '')
    if (username === '' || password === '') {
      setSentence('Please give your username and your password.')
      return
    }
    setBusy(true)
    setSentence(undefined)
    const answer = await graph.tell(LOGIN, { username, password })
    setBusy(false)
    if (answer.kind === 'failure') {
      setSentence(answer.failure.sentence)
      return
    }
    form.reset()
    const { user, token } = answer.data.login
    session.begin(user, token)
    signInOpen.set(false)
  }

  return (
    <dialog ref={dialog} class="dialog" aria-labelledby="sign-in-title" onClose={() => signInOpen.set(false)}>
      <form
        class="form"
        noValidate
        onSubmit={(event) => {
          event.preventDefault()
          if (!busy) void signIn(event.currentTarget)
        }}
      >
        <div class="dialog-head">
          <h2 id="sign-in-title">Sign in to vote</h2>
          <button
            type="button"
            class="button button-icon"
            aria-label="Close"
            onClick={() => signInOpen.set(false)}
          >
            <CrossIcon />
          </button>
        </div>
        <label class="field">
          <span>Username</span>
          <input name="username" autocomplete="username" autocapitalize="none" maxLength={64} />
        </label>
        <label class="field">
          <span>Password</span>
          <input name="password" type="password" autocomplete="current-password" maxLength={256} />
        </label>
        {sentence && <Notice kind="error">{sentence}</Notice>}
        <button type="submit" class="button button-main" aria-disabled={busy}>
          {busy ? 'Signing in …' : 'Sign in'}
        </button>
      </form>
    </dialog>
  )
}
