// The login page.

import type { Metadata } from "next";
import { redirect } from "next/navigation";
import { LoginForm } from "@/components/login/login-form";
import { ThemeToggle } from "@/components/shell/theme-toggle";
import { currentSession } from "@/lib/session/current";
import { demoPassword } from "@/lib/session/password";

export const metadata: Metadata = { title: "Log in" };

export default async function LoginPage() {
  if (await currentSession()) redirect("/");
  return (
    <main className="login">
      <div className="login-theme">
        <ThemeToggle />
      </div>
      <LoginForm demoPassword={demoPassword()} />
    </main>
  );
}
