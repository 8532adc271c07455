"use client";
// Asks before something that cannot be taken back. Escape, or a click on Cancel, is a no.

import { useEffect, useRef } from "react";

interface Props {
  open: boolean;
  title: string;
  text: string;
  action: string;
  onAnswer: (yes: boolean) => void;
}

export function Confirm({ open, title, text, action, onAnswer }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (open) dialog.current?.showModal();
    else dialog.current?.close();
  }, [open]);
  return (
    <dialog ref={dialog} aria-labelledby="confirm-title" onCancel={() => onAnswer(false)}>
      <h2 id="confirm-title">{title}</h2>
      <p>{text}</p>
      <div className="actions">
        <button type="button" onClick={() => onAnswer(false)}>
          Cancel
        </button>
        <button type="button" className="primary" onClick={() => onAnswer(true)}>
          {action}
        </button>
      </div>
    </dialog>
  );
}
