"""supermemory-bash (Python): a shell whose files are documents."""

import asyncio

from supermemory_bash import create_bash

from calls import API_KEY, BASE_URL, acall

TAG = "client_python_bash"


async def main():
    shell = await acall("create_bash", lambda: create_bash(API_KEY, TAG, base_url=BASE_URL))

    async def runs(line, stdout=None, code=0, contains=None):
        async def work():
            result = await shell.bash.exec(line)
            assert result.exit_code == code, f"exit {result.exit_code}: {result.stderr}"
            if stdout is not None:
                assert result.stdout == stdout, repr(result.stdout)
            if contains is not None:
                assert contains in result.stdout, repr(result.stdout)

        await acall(f"bash: {line}", work)

    await runs("echo hello > /a.md && cat /a.md", "hello\n")
    await runs("echo again >> /a.md && cat /a.md", "hello\nagain\n")
    await runs("mkdir -p /work/deep && echo one > /work/deep/one.md && ls /work/deep", contains="one.md")
    await runs("echo 'The OAuth client refreshes its tokens every hour.' > /work/auth.md")
    await runs("cp /a.md /work/copy.md && cat /work/copy.md", "hello\nagain\n")
    await runs("mv /work/copy.md /work/moved.md && cat /work/moved.md", "hello\nagain\n")
    await runs("cat /work/copy.md", code=1)
    await runs("mv /work/deep /work/depth && cat /work/depth/one.md", "one\n")
    # The client itself writes a space where a shell would leave the file empty.
    await runs("touch /empty.md && wc -c /empty.md", contains="1")
    await runs("grep -r refreshes /work", contains="auth.md")
    await runs("sgrep 'when are credentials renewed'", contains="refreshes")
    await acall("configure_memory_paths", lambda: shell.configure_memory_paths(["/user.md"]))
    await runs("echo '- Ada likes the violin' > /user.md && cat /profile.md", contains="violin")

    async def second():
        other = await create_bash(API_KEY, TAG, base_url=BASE_URL)
        result = await other.bash.exec("cat /a.md")
        assert result.stdout == "hello\nagain\n", result.stdout

    await acall("another instance reads the files", second)
    await runs("rm -r /work && ls /", contains="a.md")
    await runs("cat /work/auth.md", code=1)


asyncio.run(main())
