package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/urfave/cli/v3"
	"golang.org/x/term"

	"github.com/cimg-go/cimg/internal/commandline"
	"github.com/cimg-go/cimg/internal/oneline"
	"github.com/cimg-go/cimg/wrapper"
)

func deleteCommand() *cli.Command {
	var s settings
	var region string
	var yes bool
	return &cli.Command{
		Name:      "delete",
		Usage:     "delete images, and wait until they are gone",
		ArgsUsage: "IMAGE...",
		Description: `IMAGE is an id or the exact name. For instance:

  cimg delete --yes --region bj 北京02`,
		Flags: s.startFlags(
			regionFlag(&region),
			&cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, Usage: "do not ask", Destination: &yes},
		),
		Action: s.inSession(func(ctx context.Context, cmd *cli.Command, run *session) error {
			if !cmd.Args().Present() {
				return commandline.UsageErrorf("no image to delete; see cimg delete --help")
			}
			if region == "" {
				return errNoRegion
			}
			images, err := find(ctx, run.client, region, cmd.Args().Slice())
			if err != nil {
				return err
			}
			if !yes {
				if err := ask(ctx, cmd, region, images); err != nil {
					return err
				}
			}
			var work []func(context.Context) error
			for _, image := range images {
				work = append(work, run.delete(region, image))
			}
			return all(ctx, work)
		}),
	}
}

// ask makes a person confirm that images are deleted.
func ask(ctx context.Context, cmd *cli.Command, region string, images []wrapper.Image) error {
	in, isFile := cmd.Root().Reader.(*os.File)
	if !isFile || !term.IsTerminal(int(in.Fd())) {
		return commandline.UsageErrorf("nothing was deleted: there is no terminal to ask on; use --yes to delete without being asked")
	}
	w := cmd.Root().ErrWriter
	for _, image := range images {
		fmt.Fprintf(w, "%s in %s, %s\n", oneline.Text(image.UUID), region, oneline.Text(image.Name))
	}
	fmt.Fprintf(w, "Delete %s? They cannot be restored. [y/N] ", count(len(images), "image", "images"))
	answers := make(chan string, 1)
	go func() { // which ends with the program: reading from a terminal cannot be interrupted
		answer, err := bufio.NewReader(in).ReadString('\n')
		if errors.Is(err, io.EOF) {
			fmt.Fprintln(w)
		}
		answers <- strings.ToLower(strings.TrimSpace(answer))
	}()
	select {
	case <-ctx.Done():
		fmt.Fprintln(w)
		return context.Cause(ctx)
	case answer := <-answers:
		if answer != "y" && answer != "yes" {
			return errors.New("nothing was deleted")
		}
		return nil
	}
}

// delete returns a function that deletes an image.
func (s *session) delete(region string, target wrapper.Image) func(context.Context) error {
	i := s.image(region, target.Name)
	i.UUID = target.UUID
	call := &wrapper.OutcomeUnknownError{Op: "deleteCIMG", Region: region, ImageUUIDs: []string{target.UUID}}
	return func(ctx context.Context) error {
		return i.run(ctx, call, func(ctx context.Context) (made, error) {
			job, err := s.client.DeleteImage(ctx, region, target.UUID)
			return made{job: job}, err
		})
	}
}
